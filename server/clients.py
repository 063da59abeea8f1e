"""Who asks, as far as the network tells: this machine itself, or which other."""

import ipaddress

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

# A proxy on this machine has a loopback address whoever asks through it. These headers, none of
# which a browser sends by itself, tell that there is one: RFC 7239, RFC 9110 section 7.6.3, and
# what was in use before them.
_FORWARDED = frozenset({"forwarded", "via", "x-real-ip"})
_X_FORWARDED = "x-forwarded-"
_UNKNOWN = "unknown"


def is_this_machine(client: HTTPConnection) -> bool:
    """Whether the request comes from a loopback address, and not through a proxy."""
    address = _address(client)
    return address is not None and address.is_loopback and not _is_forwarded(client.headers)


def name_of(client: HTTPConnection) -> str:
    """Whom to count the request for: an IPv4 address, or an IPv6 network of 64 bits.

    In IPv6 the lower 64 bits are the client's own to choose (RFC 4291 section 2.5.1), and change
    by themselves (RFC 8981). Clients without an address count as one.
    """
    address = _address(client)
    if address is None:
        return _UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def _address(client: HTTPConnection) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if client.client is None:
        return None
    try:
        address = ipaddress.ip_address(client.client.host)
    except ValueError:
        return None
    # A socket for both families shows IPv4 clients as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_forwarded(headers: Headers) -> bool:
    return any(name in _FORWARDED or name.startswith(_X_FORWARDED) for name in headers)
