"""Which names a request may call this server by.

A page of another site can point its own name at this machine and then talk to the server as if it
were its own (DNS rebinding). Such a request carries that name in ``Host``: refusing names that are
not ours stops it, and an address, which nobody can rebind, is let through where we are reached by
address. Starlette's TrustedHostMiddleware takes IPv6 addresses apart at their first colon and has
no word for "any address".
"""

import ipaddress
import socket
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.config import HttpConfig
from server.problems import Problem, problem_response

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ANY = "*"


def known_hosts(config: HttpConfig) -> Callable[[str], bool]:
    """Say which hosts are ours: those of ``allowed_hosts``, and by where the server listens.

    On loopback only the names of loopback; elsewhere any address, and this machine's own name.
    """
    allowed = frozenset(host.lower().strip("[]") for host in config.allowed_hosts)
    names = allowed | _LOOPBACK
    if ANY in allowed:
        return lambda _: True
    if _is_loopback(config.host):
        return names.__contains__
    own = socket.gethostname().lower()
    names |= {config.host.lower(), own, f"{own}.local"}
    return lambda host: host in names or _is_address(host)


class KnownHosts:
    """ASGI middleware: answers 421 (RFC 9110 section 15.5.20) to a ``Host`` that is not ours."""

    def __init__(self, app: ASGIApp, is_known: Callable[[str], bool]) -> None:
        self._app = app
        self._is_known = is_known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is not HTTP, and requests to a known host."""
        host = _host(scope) if scope["type"] == "http" else None
        if host is None or self._is_known(host):
            await self._app(scope, receive, send)
            return
        problem = Problem(
            HTTPStatus.MISDIRECTED_REQUEST,
            "unknown-host",
            f"found Host {host!r}, which this server is not known by: add it to"
            " http.allowed_hosts if it is",
        )
        await problem_response(problem)(scope, receive, send)


def _host(scope: Scope) -> str:
    """Return the name or address in ``Host``, without port and brackets."""
    host = Headers(scope=scope).get("host", "").strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    return host.lower() == "localhost" or (
        _is_address(host) and ipaddress.ip_address(host).is_loopback
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
