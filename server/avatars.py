"""Named avatars: a portrait and the settings it is shown with, for calls and all else by name."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

from model.avatar import Controls
from server.avatar_store import (
    AvatarStore,
    AvatarStoreError,
    DamagedAvatarError,
    NameTakenError,
    NoRoomError,
    Record,
    Settings,
    UnknownAvatarError,
)
from server.config import AvatarConfig
from server.consent import Consent
from server.portraits import UNKNOWN as UNKNOWN_PORTRAIT
from server.portraits import Portrait, Portraits
from server.problems import Problem

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Avatar:
    """What can be shown by its name, ``portrait.id``, and the controls to show it with.

    ``is_built_in``: a portrait without settings of its own; its controls are the default ones.
    """

    portrait: Portrait
    controls: Controls
    is_built_in: bool


class Avatars:
    """The avatars of ``store``, and the portraits of ``portraits``, which nobody can change.

    The avatars used last stay prepared, as many as ``config`` says; a call keeps what it shows
    even when that is replaced or deleted. ``clock`` returns the time in UTC.
    """

    def __init__(
        self,
        store: AvatarStore,
        portraits: Portraits,
        config: AvatarConfig,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._portraits = portraits
        self._config = config
        self._clock = clock
        # By name, the one used last at the end; with the hash of the picture it was made of.
        self._prepared: dict[str, tuple[str, Portrait]] = {}
        self._one_at_once = asyncio.Lock()
        self._logged: set[str] = set()

    async def get(self, name: str) -> Avatar:
        """The avatar, prepared now if it was not yet.

        Raises Problem: 404 unknown-avatar; 422 its picture cannot be used any more; 500 its files
        are damaged or cannot be read.
        """
        if self.is_built_in(name):
            return _plain(await self._portraits.get(name))
        record = await self.record(name)
        portrait = self._prepared_as(record)
        if portrait is None:
            async with self._one_at_once:
                # Two may have asked for it at the same time.
                portrait = self._prepared_as(record)
                if portrait is None:
                    record, image = await self._in_store(lambda: self._store.image(name))
                    portrait = await self._portraits.prepare(name, name, "", image)
        self._keep_prepared(record, portrait)
        return Avatar(portrait, record.settings.controls(), is_built_in=False)

    async def find(self, portrait_id: str) -> Avatar:
        """What a call means by ``portrait_id``: as ``get``, and uploads, known by their ids only.

        Raises Problem: 404 unknown-portrait, else as ``get``.
        """
        try:
            return _plain(await self._portraits.get(portrait_id))
        except Problem as problem:
            is_unknown = problem.code == UNKNOWN_PORTRAIT
            if not (is_unknown and await self._in_store(lambda: self._store.has(portrait_id))):
                raise
        return await self.get(portrait_id)

    def is_built_in(self, name: str) -> bool:
        """Whether it is one of the portraits that come with the server."""
        return any(file.id == name for file in self._portraits.files)

    async def all(self) -> list[Record]:
        """Every avatar of the store, by name; those that are damaged are logged and left out."""
        records, damaged = await self._in_store(self._store.all)
        for error in damaged:
            self._log_once(error)
        return [record for record in records if not self.is_built_in(record.name)]

    async def record(self, name: str) -> Record:
        """One avatar of the store; raises Problem as ``get``."""
        return await self._in_store(lambda: self._store.get(name))

    async def check_known(self, name: str) -> None:
        """Raise Problem as ``get`` for what is no avatar, without preparing it."""
        if not self.is_built_in(name):
            await self.record(name)

    async def still(self, name: str) -> bytes:
        """What ``name`` looks like before a call, a JPEG; raises Problem as ``get``."""
        if self.is_built_in(name):
            return (await self._portraits.get(name)).still_jpeg
        return await self._in_store(lambda: self._store.still(name))

    async def put(
        self, name: str, image: bytes, settings: Settings, consent: Consent, *, replace: bool
    ) -> tuple[Record, bool]:
        """Make an avatar, or with ``replace`` make it anew; returns it and whether it is new.

        Within ``Portraits.upload_place``. Raises Problem: 409 a built-in portrait's name, or as
        many avatars as may be kept; 412 it is there and not to be replaced; 422 an unusable
        picture; 500 it cannot be kept.
        """
        self.check_changeable(name)
        portrait = await self._portraits.prepare(name, name, "", image)
        now = self._clock()
        record = Record(name=name, settings=settings, consent=consent, created=now, changed=now)
        is_new = await self._in_store(
            lambda: self._store.put(record, image, portrait.still_jpeg, replace=replace)
        )
        self._keep_prepared(record, portrait)
        return record, is_new

    async def change(self, name: str, change: Callable[[Settings], Settings]) -> Record:
        """Change an avatar's settings: for who selects it from now on.

        Raises Problem as ``get``, and 409 for a built-in portrait.
        """
        self.check_changeable(name)
        now = self._clock()
        return await self._in_store(
            lambda: self._store.change(
                name,
                lambda record: replace(record, settings=change(record.settings), changed=now),
            )
        )

    async def delete(self, name: str) -> None:
        """Delete an avatar, a damaged one too; raises Problem 404, 409 for a built-in portrait."""
        self.check_changeable(name)
        await self._in_store(lambda: self._store.remove(name))
        self._prepared.pop(name, None)

    def check_changeable(self, name: str) -> None:
        """Raise Problem 409 for a built-in portrait."""
        if self.is_built_in(name):
            raise Problem(
                HTTPStatus.CONFLICT,
                "built-in-avatar",
                f"{name!r} comes with the server and cannot be changed or deleted: choose another"
                " name",
            )

    def _prepared_as(self, record: Record) -> Portrait | None:
        sha256, portrait = self._prepared.get(record.name, ("", None))
        return portrait if sha256 == record.consent.image_sha256 else None

    def _keep_prepared(self, record: Record, portrait: Portrait) -> None:
        self._prepared.pop(record.name, None)
        self._prepared[record.name] = record.consent.image_sha256, portrait
        while len(self._prepared) > self._config.max_prepared:
            del self._prepared[next(iter(self._prepared))]

    async def _in_store(self, work: Callable[[], T]) -> T:
        """Do ``work`` on a thread; what the store raises, in words for who asks."""
        try:
            return await asyncio.to_thread(work)
        except UnknownAvatarError as error:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "unknown-avatar",
                f"there is no avatar {str(error)!r}: GET /v1/avatars lists them",
            ) from error
        except NameTakenError as error:
            raise Problem(
                HTTPStatus.PRECONDITION_FAILED, "avatar-exists", f"{error}: choose another name"
            ) from error
        except NoRoomError as error:
            raise Problem(HTTPStatus.CONFLICT, "too-many-avatars", str(error)) from error
        except AvatarStoreError as error:
            self._log_once(error)
            raise Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "damaged-avatar" if isinstance(error, DamagedAvatarError) else "avatars-unusable",
                "the server cannot read or write what it keeps of avatars: its log tells why",
            ) from error

    def _log_once(self, error: AvatarStoreError) -> None:
        # Once, however often it is asked for. The words name paths of this machine, which are not
        # for who asks.
        if str(error) not in self._logged:
            self._logged.add(str(error))
            logger.error("avatars cannot be used", extra={"reason": str(error)})


def _plain(portrait: Portrait) -> Avatar:
    return Avatar(portrait, Controls(), is_built_in=True)
