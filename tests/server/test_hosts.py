import dataclasses
import socket

import ifaddr
import pytest

from server.config import HttpConfig
from server.hosts import known_hosts, own_names
from tests.server.conftest import CONFIG, Serve


@pytest.mark.parametrize(
    ("config", "known", "unknown"),
    [
        (
            HttpConfig(),
            ["localhost", "127.0.0.1", "::1"],
            ["evil.example", "192.168.1.7", "localhost.evil.example", ""],
        ),
        (HttpConfig(host="localhost"), ["localhost"], ["evil.example"]),
        (HttpConfig(host="127.0.0.2"), ["127.0.0.2", "localhost"], ["127.0.0.3"]),
        (HttpConfig(host="::1"), ["::1", "localhost"], ["fe80::1"]),
        (
            HttpConfig(host="0.0.0.0"),
            ["192.168.1.7", "fd00::7", "localhost", socket.gethostname().lower()],
            ["evil.example", "192.168.1.7.evil.example", ""],
        ),
        (
            HttpConfig(allowed_hosts=("Likeness.example.org", "[fd00::7]")),
            ["likeness.example.org", "fd00::7", "localhost"],
            ["example.org"],
        ),
        (
            HttpConfig(allowed_hosts=("*",), require_key_on_loopback=True),
            ["evil.example", ""],
            [],
        ),
    ],
)
def test_known_hosts(config: HttpConfig, known: list[str], unknown: list[str]) -> None:
    is_known = known_hosts(config)
    assert [host for host in known if not is_known(host)] == []
    assert [host for host in unknown if is_known(host)] == []


@pytest.fixture
def adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine a name and addresses: loopback, two networks, a link without a server."""
    ips: list[str | tuple[str, int, int]] = ["127.0.0.1", "192.168.1.7", "10.0.0.7", "169.254.9.9"]
    ips += [("::1", 0, 0), ("fd00::7", 0, 0), ("fe80::7", 0, 2)]
    adapter = ifaddr.Adapter("eth0", "eth0", [ifaddr.IP(ip, 24, "eth0") for ip in ips])
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter])
    monkeypatch.setattr(socket, "gethostname", lambda: "Studio")


LOOPBACK = {"localhost", "127.0.0.1", "::1"}
LAN = {"192.168.1.7", "10.0.0.7", "studio", "studio.local"}


@pytest.mark.usefixtures("adapters")
@pytest.mark.parametrize(
    ("config", "names"),
    [
        (HttpConfig(), LOOPBACK),
        (HttpConfig(allowed_hosts=("Face.example.org",)), LOOPBACK | {"face.example.org"}),
        (HttpConfig(host="0.0.0.0"), LOOPBACK | LAN | {"0.0.0.0"}),
        (HttpConfig(host="fd00::7"), LOOPBACK | LAN | {"fd00::7"}),
    ],
)
def test_own_names(config: HttpConfig, names: set[str]) -> None:
    assert own_names(config) == names
    is_known = known_hosts(config)
    assert [name for name in names if not is_known(name)] == []


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("[::1]:8080", 200),
        ("[::1]", 200),
        ("evil.example:8080", 421),
        ("[::2]:8080", 421),
        ("::1", 421),
    ],
)
async def test_a_name_that_is_not_ours_is_refused(serve: Serve, host: str, status: int) -> None:
    async with serve(ready=False) as running:
        response = await running.http.get("/healthz", headers={"Host": host})
        assert response.status_code == status
        if status == 421:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert "http.allowed_hosts" in response.json()["detail"]


async def test_a_proxys_name_can_be_allowed(serve: Serve) -> None:
    http = HttpConfig(allowed_hosts=("likeness.example.org",))
    async with serve(dataclasses.replace(CONFIG, http=http), ready=False) as running:
        host = {"Host": "likeness.example.org"}
        assert (await running.http.get("/healthz", headers=host)).status_code == 200
