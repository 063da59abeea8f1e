"""API keys: what a key is, how one is made, and whether a presented one is known.

A secret is 256 random bits, so what is kept of it is one plain SHA-256. Slow, salted hashes are
for passwords: they delay who guesses, and nobody guesses 256 bits. Here they would only make every
request wait.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from enum import Enum
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.dataclasses import dataclass

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

_ID_BYTES = 4
_SECRET_BYTES = 32
_FORM = re.compile(r"lk_([0-9a-f]{8})_[0-9a-f]{64}")


class Scope(Enum):
    """What a key allows. VIEW: to see what viewers see.

    PUBLISH: to call, to upload portraits, and to see the avatars to call with.
    ADMIN: to make, change and delete avatars, to read the metrics, and everything else.
    """

    PUBLISH = "publish"
    VIEW = "view"
    ADMIN = "admin"


class UnknownKeyError(Exception):
    """The presented key opens nothing; says why and what to do."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Key:
    """A key as it is kept: without its secret.

    ``id`` is the secret's public part, ``sha256`` the hash of the whole, both in hexadecimal.
    ``expires`` None: never.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = field(repr=False)
    created: AwareDatetime
    expires: AwareDatetime | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether it has ``scope``, or ADMIN."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over ``now``."""
        return self.expires is not None and now >= self.expires


def make(
    name: str, scopes: Iterable[Scope], now: datetime, expires: datetime | None
) -> tuple[Key, str]:
    """A new key and its secret, ``lk_<id>_<64 hexadecimal digits>``, which is kept nowhere.

    Raises pydantic's ValidationError (a ValueError) for a name that is none.
    """
    key_id = secrets.token_hex(_ID_BYTES)
    secret = f"lk_{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
    key = Key(
        id=key_id,
        name=name,
        scopes=frozenset(scopes),
        sha256=_hash(secret),
        created=now,
        expires=expires,
    )
    return key, secret


def find(keys: Iterable[Key], secret: str, now: datetime) -> Key:
    """The key whose secret was presented.

    Raises UnknownKeyError: it is not a key, not one of ``keys``, or has expired.
    """
    form = _FORM.fullmatch(secret)
    if form is None:
        raise UnknownKeyError("found a token that is no key, expected one of the form lk_..._...")
    for key in keys:
        if key.id == form[1] and hmac.compare_digest(key.sha256, _hash(secret)):
            if key.has_expired(now):
                raise UnknownKeyError(
                    f"the key {key.name!r} expired at {key.expires:%Y-%m-%d %H:%M} UTC: ask for a"
                    " new one"
                )
            return key
    raise UnknownKeyError("this key is not known here, or was removed: ask for a new one")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
