"""The portraits that calls can show: the built-in ones and uploads, prepared once each."""

import asyncio
import contextlib
import io
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from PIL import Image

from model.identity.identity import Identity
from model.identity.picture import PortraitError
from server.animator import Animator
from server.config import MARKED, PortraitConfig, TrustConfig
from server.outgoing import OutgoingPictures
from server.problems import Problem

UNKNOWN = "unknown-portrait"

_MAX_UPLOADING = 4
_RETRY_AFTER_S = 5
_JPEG_QUALITY = 92


@dataclass(frozen=True)
class PortraitFile:
    """A portrait that comes with the product or the command line."""

    id: str
    title: str
    credit: str
    path: Path


@dataclass(frozen=True)
class Portrait:
    """A prepared portrait; ``still_jpeg`` is what a client shows before the stream."""

    id: str
    title: str
    credit: str
    identity: Identity
    still_jpeg: bytes


@dataclass
class _Upload:
    portrait: Portrait
    used_s: float


def built_in(client_web: Path) -> list[PortraitFile]:
    """The portraits that ``client_web/portraits/portraits.json`` lists, in its order."""
    folder = client_web / "portraits"
    entries = json.loads((folder / "portraits.json").read_text(encoding="utf-8"))
    return [
        PortraitFile(entry["id"], entry["title"], entry["credit"], folder / entry["file"])
        for entry in entries
    ]


class Portraits:
    """The store. Portraits are prepared on a thread of their own, beside the calls that run.

    ``files`` are prepared when first used and kept; the first one is the default. Uploads get
    ids that cannot be guessed and are bounded in number and age by ``config``; a call keeps the
    portrait it shows even when the store forgets it. Only so many are uploaded at once; a file is
    never refused for them, there being few.
    """

    def __init__(
        self,
        avatar: Animator,
        files: Sequence[PortraitFile],
        config: PortraitConfig,
        size_px: int,
        clock: Callable[[], float] = time.monotonic,
        trust: TrustConfig = MARKED,
    ) -> None:
        self.files = tuple(files)
        self._avatar = avatar
        self._config = config
        self._size_px = size_px
        self._clock = clock
        self._trust = trust
        self._kept: dict[str, Portrait] = {}
        self._uploads: dict[str, _Upload] = {}
        self._uploading = 0
        self._one_file_at_once = asyncio.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="portrait")

    @property
    def default_id(self) -> str:
        """The portrait of a call that asks for none."""
        return self.files[0].id

    async def get(self, portrait_id: str) -> Portrait:
        """The portrait, prepared now if it was not yet.

        Raises Problem: 404 unknown or forgotten, 422 a file that cannot be used.
        """
        self._forget_old()
        upload = self._uploads.get(portrait_id)
        if upload is not None:
            upload.used_s = self._clock()
            return upload.portrait
        for file in self.files:
            if file.id == portrait_id:
                return self._kept.get(file.id) or await self._prepare_file(file)
        raise Problem(
            HTTPStatus.NOT_FOUND,
            UNKNOWN,
            f"there is no portrait or avatar {portrait_id!r} (uploads are kept for"
            f" {self._config.upload_ttl_s:.0f} s without use): upload it again",
        )

    def note_use(self, portrait_id: str) -> None:
        """Somebody shows it, or did until now; of no matter for what is no upload."""
        if (upload := self._uploads.get(portrait_id)) is not None:
            upload.used_s = self._clock()

    @contextlib.contextmanager
    def upload_place(self) -> Iterator[None]:
        """Hold one of the few places for uploads, from before the first byte: each takes memory.

        Raises Problem 503 with Retry-After when all are taken.
        """
        if self._uploading >= _MAX_UPLOADING:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "portraits-busy",
                f"{self._uploading} portraits are being uploaded: try again in {_RETRY_AFTER_S} s",
                {"Retry-After": str(_RETRY_AFTER_S)},
            )
        self._uploading += 1
        try:
            yield
        finally:
            self._uploading -= 1

    async def add(self, image: bytes) -> Portrait:
        """Prepare and keep an upload; the least used one makes room if need be.

        Within ``upload_place``. Raises Problem 422 with PortraitError's words.
        """
        portrait = await self.prepare(secrets.token_urlsafe(16), "Your portrait", "", image)
        self._forget_old()
        while len(self._uploads) >= self._config.max_uploads:
            oldest = min(self._uploads, key=lambda key: self._uploads[key].used_s)
            del self._uploads[oldest]
        self._uploads[portrait.id] = _Upload(portrait, self._clock())
        return portrait

    async def prepare(self, portrait_id: str, title: str, credit: str, image: bytes) -> Portrait:
        """Compute what calls need of a picture, after those that were asked for before it.

        Raises Problem 422 with PortraitError's words.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._worker,
                prepare,
                self._avatar, portrait_id, title, credit, image, self._size_px, self._trust,
            )  # fmt: skip
        except PortraitError as error:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-portrait", str(error)
            ) from error

    def keep(self, portrait: Portrait) -> None:
        """Know one of the files as prepared already."""
        self._kept[portrait.id] = portrait

    def close(self) -> None:
        """End the thread; what it prepares now is finished first."""
        self._worker.shutdown(cancel_futures=True)

    async def _prepare_file(self, file: PortraitFile) -> Portrait:
        async with self._one_file_at_once:
            if file.id in self._kept:
                return self._kept[file.id]
            try:
                image = await asyncio.to_thread(file.path.read_bytes)
            except OSError as error:
                raise Problem(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    "unusable-portrait",
                    f"cannot read the portrait {file.id!r}: {error.strerror}",
                ) from error
            self._kept[file.id] = await self.prepare(file.id, file.title, file.credit, image)
            return self._kept[file.id]

    def _forget_old(self) -> None:
        before_s = self._clock() - self._config.upload_ttl_s
        self._uploads = {
            key: upload for key, upload in self._uploads.items() if upload.used_s >= before_s
        }


def prepare(
    avatar: Animator,
    portrait_id: str,
    title: str,
    credit: str,
    image: bytes,
    size_px: int,
    trust: TrustConfig = MARKED,
) -> Portrait:
    """Compute the identity and its still picture, marked; raises PortraitError."""
    identity = avatar.identify(image, size_px)
    marked = OutgoingPictures(len(identity.still), trust).convert(identity.still, refit=True)
    still = io.BytesIO()
    Image.fromarray(marked.to_ndarray(format="rgb24")).save(still, "JPEG", quality=_JPEG_QUALITY)
    return Portrait(portrait_id, title, credit, identity, still.getvalue())


def read_picture(path: Path) -> bytes:
    """The bytes of a picture file; raises PortraitError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PortraitError(f"cannot read {path}: {error.strerror}") from error
