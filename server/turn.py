"""Time-limited TURN credentials (draft-uberti-behave-turn-rest-00 section 2.2).

A TURN server that shares a secret with this one, such as coturn with ``use-auth-secret``, lets in
whoever holds ``credential = base64(HMAC-SHA1(secret, username))`` until the time that ``username``
names. What leaks of these is worthless soon, and nothing has to be kept.
"""

import base64
import hashlib
import hmac
import math
from collections.abc import Iterable

from server.config import IceServer

# What the draft recommends.
_DEFAULT_TTL_S = 86_400


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
