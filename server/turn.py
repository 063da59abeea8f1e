"""STUN and TURN servers, and the time-limited credentials of draft-uberti-behave-turn-rest-00.

A TURN server that shares a secret with this one, such as coturn with ``use-auth-secret``, lets in
whoever holds ``credential = base64(HMAC-SHA1(secret, username))`` until the time that ``username``
names (section 2.2). What leaks of these is worthless soon, and nothing has to be kept.
"""

import base64
import hashlib
import hmac
import math
from collections.abc import Iterable
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)
# What the draft recommends.
_DEFAULT_TTL_S = 86_400
# As quoted strings of a Link header carry them as they are.
_QUOTABLE = r"^[\x21\x23-\x5b\x5d-\x7e]+$"
# RFC 7064 and 7065, but for what aiortc takes as no server at all or as malformed: stuns,
# turns over UDP, and IPv6 addresses.
_ICE_URL = (
    r"^(stun:[A-Za-z0-9._-]+(:[0-9]{1,5})?"
    r"|turn:[A-Za-z0-9._-]+(:[0-9]{1,5})?(\?transport=(udp|tcp))?"
    r"|turns:[A-Za-z0-9._-]+(:[0-9]{1,5})?(\?transport=tcp)?)$"
)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class IceServer:
    """A STUN or TURN server for both ends of a call.

    TURN needs either ``username`` and ``credential``, or the ``secret`` that it shares with this
    server: each call then gets credentials of its own, for ``credential_ttl_s``, by default a day.
    """

    url: Annotated[str, Field(pattern=_ICE_URL)]
    username: Annotated[str, Field(pattern=_QUOTABLE)] | None = None
    credential: Annotated[str, Field(pattern=_QUOTABLE)] | None = Field(default=None, repr=False)
    secret: Annotated[str, Field(min_length=1)] | None = Field(default=None, repr=False)
    credential_ttl_s: Annotated[int, Field(ge=60, le=2_592_000)] | None = None

    def __post_init__(self) -> None:
        given = (self.username is not None, self.credential is not None, self.secret is not None)
        if not self.url.startswith("turn"):
            if any(given):
                raise ValueError(f"{self.url} takes no credentials: leave them out")
        elif given not in ((True, True, False), (False, False, True)):
            raise ValueError(
                f"{self.url} needs username and credential, or secret alone: give one or the other"
            )
        if self.credential_ttl_s is not None and self.secret is None:
            raise ValueError("credential_ttl_s is of use only with secret: leave it out")


def fresh(servers: Iterable[IceServer], now_unix_s: float) -> tuple[IceServer, ...]:
    """Return ``servers`` as clients may know them: with credentials in the place of secrets.

    Credentials made of a secret hold from ``now_unix_s`` for ``credential_ttl_s``, rounded up to a
    whole second, the protocol's unit. Other servers are returned as they are.
    """
    return tuple(_fresh(server, now_unix_s) for server in servers)


def _fresh(server: IceServer, now_unix_s: float) -> IceServer:
    if server.secret is None:
        return server
    username = str(math.ceil(now_unix_s + (server.credential_ttl_s or _DEFAULT_TTL_S)))
    digest = hmac.digest(server.secret.encode(), username.encode(), hashlib.sha1)
    credential = base64.b64encode(digest).decode()
    return IceServer(url=server.url, username=username, credential=credential)
