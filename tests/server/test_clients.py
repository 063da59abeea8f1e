import pytest
from starlette.requests import HTTPConnection

from server import clients


def client(host: str | None, **headers: str) -> HTTPConnection:
    """Return a request from ``host``; a header's ``-`` is written ``_``."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    address = None if host is None else (host, 1234)
    return HTTPConnection({"type": "http", "headers": raw, "client": address})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine(host: str) -> None:
    assert clients.is_this_machine(client(host, origin="http://localhost:8080"))


@pytest.mark.parametrize(
    "host",
    ["203.0.113.5", "192.168.1.7", "0.0.0.0", "2001:db8::1", "::ffff:203.0.113.5", "testclient"],
)
def test_other_machines(host: str) -> None:
    assert not clients.is_this_machine(client(host))


def test_who_has_no_address_is_not_trusted() -> None:
    assert not clients.is_this_machine(client(None))


@pytest.mark.parametrize(
    "headers",
    [
        {"forwarded": "for=203.0.113.5"},
        {"x_forwarded_for": "203.0.113.5"},
        {"x_forwarded_for": "127.0.0.1"},
        {"x_forwarded_for": ""},
        {"x_forwarded_host": "face.example.org"},
        {"x_forwarded_proto": "https"},
        {"x_forwarded_port": "443"},
        {"x_real_ip": "203.0.113.5"},
        {"via": "1.1 proxy"},
    ],
)
def test_a_proxy_on_this_machine_is_not_this_machine(headers: dict[str, str]) -> None:
    assert not clients.is_this_machine(client("127.0.0.1", **headers))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("not an address", "unknown"),
        (None, "unknown"),
    ],
)
def test_whom_requests_are_counted_for(host: str | None, name: str) -> None:
    assert clients.name_of(client(host)) == name
