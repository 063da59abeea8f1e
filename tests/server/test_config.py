import dataclasses
import re
import traceback
from pathlib import Path

import pytest

from server.app import stream_config
from server.config import CallConfig, Config, ConfigError, VideoConfig
from server.config_file import Flags, load
from server.turn import IceServer
from tests.server.conftest import CONFIG, Serve, with_calls
from tests.server.fakes import SIZE_PX, FakeAvatar


def write(folder: Path, text: str) -> Path:
    path = folder / "likeness.toml"
    path.write_text(text)
    return path


def test_defaults() -> None:
    assert load(None, Flags()) == Config()


def test_the_settings_that_the_readme_shows_are_the_defaults(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(# Lines that begin.*?)```", readme, re.DOTALL)
    path = tmp_path / "likeness.toml"
    path.write_text(shown)
    assert load(path, Flags()) == Config()


def test_file_then_flags(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [http]
        host = "0.0.0.0"
        port = 9000
        [call]
        playout_delay_ms = 300
        udp_ports = [50000, 50100]
        [[ice_servers]]
        url = "turn:turn.example.org"
        username = "u"
        credential = "c"
        """,
    )
    config = load(path, Flags(port=9001, portrait=Path("me.jpg"), max_sessions=3))
    assert (config.http.host, config.http.port) == ("0.0.0.0", 9001)
    assert (config.call.playout_delay_ms, config.call.max_sessions) == (300, 3)
    assert config.call.udp_ports == (50_000, 50_100)
    assert config.portraits.default == Path("me.jpg")
    assert config.ice_servers == (
        IceServer(url="turn:turn.example.org", username="u", credential="c"),
    )


def test_flags_of_https(tmp_path: Path) -> None:
    path = write(tmp_path, "[http]\nhttps = true\ncertificate = 'c.pem'\nkey = 'k.pem'")
    http = load(path, Flags()).http
    assert (http.https, http.certificate, http.key) == (True, Path("c.pem"), Path("k.pem"))
    http = load(path, Flags(certificate=Path("d.pem"), key=Path("l.pem"))).http
    assert (http.https, http.certificate, http.key) == (True, Path("d.pem"), Path("l.pem"))
    assert load(None, Flags(https=True)).http.https


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[http", "is not TOML"),
        ("[http]\nprot = 80", r"^[^=]*http.prot: Unexpected[^=]*$"),
        ("[web]\n", "web: Unexpected"),
        ("[http]\nport = 70000", "http.port = 70000: .*less than or equal to 65535"),
        ("[http]\nport = 'x'", "http.port = 'x': .*integer"),
        ("http = 3", "http = 3"),
        ("[http]\nhttps = 'maybe'", "http.https = 'maybe': .*boolean"),
        ("[http]\nhttps = true\nkey = 'k.pem'", "certificate and key come together"),
        ("[http]\nhttps = true\ncertificate = 'c.pem'", "certificate and key come together"),
        ("[http]\ncertificate = 'c.pem'\nkey = 'k.pem'", "only with https: switch it on"),
        ("[http]\nallowed_origins = ['*']", "needs require_key_on_loopback = true: name the"),
        ("[http]\nallowed_hosts = ['*']", "needs require_key_on_loopback = true: name the hosts"),
        ("[http]\nallowed_hosts = ['a.example', '[*]']", "name the hosts, or set that"),
        ("[http]\nallowed_origins = ['app.example.org']", r"allowed_origins.0 = 'app.example.org'"),
        ("[http]\nallowed_origins = ['https://a.example/']", "http.allowed_origins.0"),
        ("[limits]\ncalls_per_minute = 0", "limits.calls_per_minute = 0: .*greater than 0"),
        ("[limits]\nuploads_burst = 0", "limits.uploads_burst = 0: .*greater than or equal to 1"),
        ("[video]\nsize_px = 500", "video.size_px = 500: .*multiple of 16"),
        ("[call]\nudp_ports = [50100, 50000]", r"udp_ports = \[50100, 50000\]: give the lowest"),
        ("[call]\nudp_ports = [0, 50000]", "call.udp_ports.0 = 0: .*greater than or equal to 1"),
        ("[call]\nudp_ports = [50000]", "call.udp_ports.1: .*required"),
        ("[call]\nmax_sessions = 0", "call.max_sessions = 0: .*greater than or equal to 1"),
        ("[[ice_servers]]\nurl = 'http://x'", "ice_servers.0.url = 'http://x'"),
        ("[speech]\nurl = 'http://x:abc/v1'", "speech.url = 'http://x:abc/v1'"),
        ("[[ice_servers]]\nurl = 'stuns:x'", "ice_servers.0.url = 'stuns:x'"),
        ("[[ice_servers]]\nurl = 'turn:[::1]'", "ice_servers.0.url = 'turn:"),
        ("[[ice_servers]]\nurl = 'turns:x?transport=udp'", "ice_servers.0.url = 'turns:x"),
        (
            "[[ice_servers]]\nurl = 'turn:x'",
            "turn:x needs username and credential, or secret alone",
        ),
        ("[[ice_servers]]\nurl = 'stun:x>; rel=y'", "ice_servers.0.url"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(write(tmp_path, text), Flags())


SECRETS = [
    "[[ice_servers]]\nurl = 'turn:x'\nsecret = 'hush'\ncredential = 'hush'\nusername = 'hush'",
    "[[ice_servers]]\nurl = 'turn:x'\ncredential = 'hush'",
    "[[ice_servers]]\nurl = 'turn:x'\ncredential = 'hush hush'\nusername = 'u'",
    "[[ice_servers]]\nurl = 'stun:x'\nsecret = 'hush'",
    "[[ice_servers]]\nsecret = 'hush'",
    "[[ice_servers]]\nurl = 'http:x'\nsecret = 'hush'",
    "[[ice_servers]]\nurl = 'turn:x'\nsecret = ['hush']",
    "[[ice_servers]]\nurl = 'turn:x'\nsecert = 'hush'",
    "[[ice_servers]]\nurl = 'turn:x'\nsecret = 'hush'\ncredential_ttl_s = 1",
    "[ice_servers]\nurl = 'turn:x'\nsecret = 'hush'",
    "[[ice_server]]\nurl = 'turn:x'\nsecret = 'hush'",
    "[call]\nsecret = 'hush'",
    "ice_servers = ['hush']",
    "ice_servers = 'hush'",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_in_no_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"ice_server|call\.secret") as refused:
        load(write(tmp_path, text), Flags())
    assert "hush" not in "".join(traceback.format_exception(refused.value))


def test_a_secret_is_in_no_repr() -> None:
    for server in (
        IceServer(url="turn:x", secret="hush"),
        IceServer(url="turn:x", username="u", credential="hush"),
    ):
        assert "turn:x" in repr(Config(ice_servers=(server,)))
        assert "hush" not in repr(Config(ice_servers=(server,)))


def test_access(tmp_path: Path) -> None:
    assert (Config().http.allowed_origins, Config().http.require_key_on_loopback) == ((), False)
    path = write(
        tmp_path,
        """
        [http]
        allowed_origins = ["https://app.example.org", "http://localhost:3000", "http://[::1]:1"]
        require_key_on_loopback = true
        [limits]
        calls_per_minute = 0.5
        uploads_burst = 3
        """,
    )
    config = load(path, Flags())
    assert config.http.allowed_origins[1] == "http://localhost:3000"
    assert config.http.require_key_on_loopback
    assert (config.limits.calls_per_minute, config.limits.uploads_burst) == (0.5, 3)


def test_missing_file() -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere.toml: No such file"):
        load(Path("nowhere.toml"), Flags())


@pytest.mark.parametrize(("delay_ms", "budget_ms"), [(230, 38.5), (250, 58.5), (400, 68)])
def test_what_is_left_of_the_delay_is_for_computing(delay_ms: int, budget_ms: float) -> None:
    stream = stream_config(with_calls(CallConfig(playout_delay_ms=delay_ms)), FakeAvatar())
    assert stream.playout_delay_ms == delay_ms
    assert stream.compute_budget_ms == pytest.approx(budget_ms, abs=0.1)


def test_lips_are_drawn_ahead_of_what_a_display_takes() -> None:
    avatar = FakeAvatar()
    file = stream_config(Config(), avatar)
    live = stream_config(Config(), avatar, display_lag_ms=10)
    assert file.sound_lead_ms == avatar.sound_lead_ms
    assert live.sound_lead_ms == avatar.sound_lead_ms + 10
    assert live.compute_budget_ms == file.compute_budget_ms, "the default delay covers both"


async def test_calls_are_drawn_ahead_of_what_is_configured_of_a_display(serve: Serve) -> None:
    video = VideoConfig(size_px=SIZE_PX, display_lag_ms=30)
    async with serve(dataclasses.replace(CONFIG, video=video), ready=False) as running:
        services = running.server.services
        assert services.stream.sound_lead_ms == running.avatar.sound_lead_ms + 30


def test_a_delay_too_short_for_the_model() -> None:
    with pytest.raises(ConfigError, match=r"playout_delay_ms = 160.* need 19\d ms"):
        stream_config(with_calls(CallConfig(playout_delay_ms=160)), FakeAvatar())
