"""Who may ask for what: bearer keys (RFC 6750) with scopes, and this machine without one.

A key that is presented counts, wherever it comes from. Without one, a request from this machine
itself is let in; one from another machine is asked for a key, or told that there are none yet.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Security, params
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import HTTPConnection, Request

from server import clients, cross_origin, keys
from server.key_file import KeyFile, KeyFileError
from server.keys import Key, Scope, UnknownKeyError
from server.metrics import Metrics
from server.problems import Problem

logger = logging.getLogger(__name__)

# RFC 9110 section 9.2.1.
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_REALM = 'Bearer realm="likeness"'
_BEARER = HTTPBearer(
    scheme_name="key",
    bearerFormat="lk_<id>_<secret>",
    description="A key of `likeness keys add`. The machine that the server runs on needs none.",
    auto_error=False,  # its own answer is not a problem detail
)
_Presented = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]

# How the interface's description tells what `Access.needs` answers.
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {
        "description": "No key, or one that is unknown or has expired (RFC 6750)",
        "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
    },
    403: {
        "description": "The key lacks the scope, or what it would end is another key's; or there"
        " are no keys, and this is not loopback; or a page of another site asks without one",
    },
    500: {"description": "The server cannot read its keys or its files: its log tells why"},
}


class Access:
    """Decides by the keys of ``key_file`` and by where a request comes from.

    ``key_on_loopback``: this machine's own requests need a key too. ``allowed_origins``: whose
    pages may change things without a key, beside the server's own. ``clock`` returns the time in
    UTC.
    """

    def __init__(
        self,
        key_file: KeyFile,
        *,
        key_on_loopback: bool,
        metrics: Metrics,
        allowed_origins: tuple[str, ...] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._key_file = key_file
        self._key_on_loopback = key_on_loopback
        self._metrics = metrics
        self._allowed_origins = allowed_origins
        self._clock = clock
        self._logged: str | None = None

    def needs(self, *scopes: Scope) -> params.Depends:
        """Make the dependency of a route that one of ``scopes`` opens; the first is asked for.

        It raises Problem: 401 no key, or one that is unknown or has expired; 403 the key has none
        of ``scopes``, or there are no keys and the request is not from this machine, or another
        site's page asks a change of it without a key; 500 the key file is damaged.
        """

        async def check(request: Request, presented: _Presented) -> None:
            presented_key = None if presented is None else presented.credentials
            request.state.key = self._count_denied(request, presented_key, scopes)
            if request.state.key is None and request.method not in _SAFE_METHODS:
                cross_origin.check(request, self._allowed_origins)

        return params.Depends(check)

    def check_socket(self, socket: HTTPConnection, key: str | None, *scopes: Scope) -> str | None:
        """Let a WebSocket pass as ``needs`` does a request; raises Problem as that does.

        Returns the id of the key that let it in, as ``owner`` does of a request.

        ``key`` is what it presents in a message, as pages in a browser must; the header counts
        before it.
        """
        scheme, header = get_authorization_scheme_param(socket.headers.get("authorization"))
        let_in = self._count_denied(socket, header if scheme.lower() == "bearer" else key, scopes)
        return None if let_in is None else let_in.id

    def _count_denied(
        self, client: HTTPConnection, presented: str | None, scopes: tuple[Scope, ...]
    ) -> Key | None:
        try:
            return self._check(client, presented, scopes)
        except Problem:
            self._metrics.requests_denied.inc()
            raise

    def _check(
        self, client: HTTPConnection, presented: str | None, scopes: tuple[Scope, ...]
    ) -> Key | None:
        is_trusted = clients.is_this_machine(client) and not self._key_on_loopback
        if presented is None and is_trusted:
            return None
        known = self._known()
        if not known and not is_trusted:
            served = "nobody" if self._key_on_loopback else "only its own machine"
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "no-keys",
                f"this server has no keys, and without one serves {served}: make one on its machine"
                " with `likeness keys add`",
            )
        if presented is None:
            raise _unauthorized(
                "key-required", f"found no key, expected one with the scope {scopes[0].value}", ""
            )
        try:
            key = keys.find(known, presented, self._clock())
        except UnknownKeyError as error:
            raise _unauthorized("invalid-key", str(error), ', error="invalid_token"') from error
        if not any(key.allows(scope) for scope in scopes):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "insufficient-scope",
                f"the key {key.name!r} has not the scope {scopes[0].value}: use one that has",
                {
                    "WWW-Authenticate": f'{_REALM}, error="insufficient_scope",'
                    f' scope="{scopes[0].value}"'
                },
            )
        return key

    def _known(self) -> tuple[keys.Key, ...]:
        # On the event loop: it is one stat, and a small file to read after a change.
        try:
            return self._key_file.current()
        except KeyFileError as error:
            # Once, however often it is asked for. The words name a path of this machine, which is
            # not for who asks.
            if str(error) != self._logged:
                self._logged = str(error)
                logger.error("the keys cannot be read", extra={"reason": self._logged})
            raise Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "keys-unreadable",
                "the server cannot read its keys: its log tells why",
            ) from error


def key_name(request: Request) -> str | None:
    """Return the name of the key that opened the route; None: this machine, without one."""
    key: Key | None = request.state.key
    return None if key is None else key.name


def owner(request: Request) -> str | None:
    """The id of the key that let ``request`` in; None: this machine, without one."""
    key: Key | None = request.state.key
    return None if key is None else key.id


def may_use(request: Request, owner_id: str | None) -> bool:
    """Whether ``request`` may use what belongs to ``owner_id``: its owner, an admin, this machine.

    Behind a route that ``needs`` a scope.
    """
    key: Key | None = request.state.key
    return key is None or key.allows(Scope.ADMIN) or key.id == owner_id


def not_yours(what: str) -> Problem:
    """What is answered to who ``may_use`` not what can be known to be there."""
    return Problem(
        HTTPStatus.FORBIDDEN,
        "not-yours",
        f"another key, or the server itself, asked for {what}: use that key, or one with the scope"
        " admin",
    )


def _unauthorized(code: str, detail: str, error: str) -> Problem:
    """RFC 6750 section 3.1: the challenge of a request without a key carries no ``error``."""
    return Problem(HTTPStatus.UNAUTHORIZED, code, detail, {"WWW-Authenticate": _REALM + error})
