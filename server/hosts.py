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

import ifaddr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.config import ANY_HOST, HttpConfig
from server.problems import Problem, problem_response

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def known_hosts(config: HttpConfig) -> Callable[[str], bool]:
    """Say which hosts are ours: ``own_names``, and off loopback any address."""
    names = own_names(config)
    if ANY_HOST in names:
        return lambda _: True
    if is_loopback(config.host):
        return names.__contains__
    return lambda host: host in names or _is_address(host)


def own_names(config: HttpConfig) -> frozenset[str]:
    """Return the names and addresses that this server goes by, by where it listens.

    Those of ``allowed_hosts`` and of loopback, the one it is bound to, and off loopback this
    machine's own. Of its addresses only IPv4: those of IPv6 come and go by the day (RFC 8981), and
    a certificate for them would too.
    """
    allowed = frozenset(host.lower().strip("[]") for host in config.allowed_hosts)
    names = allowed | _LOOPBACK | {config.host.lower()}
    if is_loopback(config.host):
        return names
    own = socket.gethostname().lower()
    addresses = (
        ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)
    )
    lasting = frozenset(
        address
        for address in addresses
        if not ipaddress.ip_address(address).is_loopback
        and not ipaddress.ip_address(address).is_link_local
    )
    return names | lasting | {own, f"{own}.local"}


class KnownHosts:
    """ASGI middleware: answers 421 (RFC 9110 section 15.5.20) to a ``Host`` that is not ours."""

    def __init__(self, app: ASGIApp, is_known: Callable[[str], bool]) -> None:
        self._app = app
        self._is_known = is_known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is no request, and requests to a known host."""
        host = _host(scope) if scope["type"] in ("http", "websocket") else None
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


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    return host.lower() == "localhost" or (
        _is_address(host) and ipaddress.ip_address(host).is_loopback
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
