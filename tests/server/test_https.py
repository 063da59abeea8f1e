"""`likeness serve --https` as a user starts it, and as a browser reaches it."""

import contextlib
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn

from server import cli, serve_command
from server.config import HttpConfig
from server.hosts import own_names
from tests.server.fakes import SIZE_PX, FakeAvatar
from tests.server.issuing import NOW, issue
from tests.server.test_cli import refusal

_LIMIT_S = 30


@dataclass(frozen=True)
class Started:
    """A server that runs, what it printed and its port."""

    printed: str
    port: int
    web: uvicorn.Server


Start = Callable[..., AbstractContextManager[Started]]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "data" / "likeness" / "certificate.pem"


@pytest.fixture(autouse=True)
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command load the fake model and keep its certificate in the test's folder."""
    monkeypatch.setattr("model.avatar.Avatar.load", lambda _, **options: FakeAvatar())
    monkeypatch.setattr(
        "server.serve_command.AvatarProcess", lambda load, _: contextlib.nullcontext(load())
    )
    monkeypatch.setattr("server.logs.configure", lambda _: None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Start:
    """Return a context manager that runs `likeness serve ARGUMENTS` in a thread."""
    face = tmp_path / "face.jpg"
    face.write_bytes(b"FACE\x00")
    config = tmp_path / "likeness.toml"
    config.write_text(f"[video]\nsize_px = {SIZE_PX}\n[call]\nmax_sessions = 1")
    common = ["--port", "0", "--portrait", str(face), "--config", str(config)]
    starting: list[uvicorn.Server] = []
    listening = threading.Event()

    class Watched(serve_command.Web):
        """Says when it listens."""

        async def startup(self, *arguments: object, **options: object) -> None:
            await super().startup(*arguments, **options)  # type: ignore[arg-type]
            starting.append(self)
            listening.set()

    monkeypatch.setattr(serve_command, "Web", Watched)

    @contextmanager
    def run(*arguments: str) -> Iterator[Started]:
        listening.clear()
        statuses: list[int] = []
        command = ["serve", *common, *arguments]
        thread = threading.Thread(target=lambda: statuses.append(cli.main(command)))
        thread.start()
        try:
            assert listening.wait(_LIMIT_S)
            printed = capsys.readouterr().out
            found = re.search(r"Likeness is at \w+://[^/]+:(\d+)/", printed)
            assert found is not None
            yield Started(printed, int(found[1]), starting[-1])
        finally:
            for web in starting:
                web.should_exit = True
            thread.join(_LIMIT_S)
        assert statuses == [0]

    return run


def ask(url: str, certificate: Path) -> httpx.Response:
    """Ask as a browser that trusts ``certificate`` and nothing else."""
    return httpx.get(url, verify=ssl.create_default_context(cafile=certificate))


def test_a_self_signed_start_and_the_next(start: Start, kept: Path) -> None:
    with start("--https") as first:
        assert f"Likeness is at https://localhost:{first.port}/" in first.printed
        assert "<title>Likeness" in ask(f"https://localhost:{first.port}/", kept).text
        said = re.search(r"self-signed.*warn.*SHA-256.*: ([0-9A-F:]{95})\n", first.printed)
        assert said is not None
        served = ssl.get_server_certificate(("127.0.0.1", first.port))
    assert served.strip() in kept.read_text()
    with start("--https") as second:
        assert said[1] in second.printed
        assert ssl.get_server_certificate(("127.0.0.1", second.port)) == served


def test_every_own_name_is_certified_and_answered(start: Start, kept: Path) -> None:
    """Addresses of this machine are asked by themselves; names, which may not resolve, by Host."""
    own = own_names(HttpConfig(host="0.0.0.0")) - {"0.0.0.0"}
    with start("--https", "--host", "0.0.0.0") as started:
        context = ssl.create_default_context(cafile=kept)
        with httpx.Client(verify=context) as client:
            for name in sorted(own):
                host = f"[{name}]" if ":" in name else name
                asked = name if re.fullmatch(r"[\d.]+", name) else "127.0.0.1"
                response = client.get(
                    f"https://{asked}:{started.port}/healthz",
                    headers={"Host": f"{host}:{started.port}"},
                    extensions={"sni_hostname": name},
                )
                assert response.status_code == 200, name


def test_a_given_certificate(start: Start, tmp_path: Path, kept: Path) -> None:
    issued = issue(tmp_path, name="localhost")
    files = ("--certificate", str(issued.path), "--key", str(issued.key_path))
    with start("--https", *files) as started:
        assert started.printed == f"Likeness is at https://localhost:{started.port}/\n"
        served = ssl.get_server_certificate(("127.0.0.1", started.port))
    assert served.strip() in issued.path.read_text()
    assert not kept.exists()


def test_without_it_nothing_is_made(start: Start, kept: Path) -> None:
    with start() as started:
        assert started.printed == f"Likeness is at http://localhost:{started.port}/\n"
        assert httpx.get(f"http://localhost:{started.port}/healthz").status_code == 200
    assert not kept.exists()


def test_who_is_not_served_is_said(start: Start) -> None:
    with start("--host", "0.0.0.0") as started:
        assert "There are no keys: it serves only this machine." in started.printed
        url = f"http://127.0.0.1:{started.port}/metrics"
        assert httpx.get(url).status_code == 200
        for forwarded in ({"X-Forwarded-For": "203.0.113.5"}, {"X-Forwarded-For": "127.0.0.1"}):
            assert httpx.get(url, headers=forwarded).status_code == 403
    assert cli.main(["keys", "add", "phone", "--scope", "view"]) == 0
    with start("--host", "0.0.0.0") as started:
        assert "There are no keys" not in started.printed
        assert "listens to this machine only" not in started.printed
    with start() as started:
        assert "it listens to this machine only: --host 0.0.0.0" in started.printed


def test_what_cannot_be_served_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kept: Path
) -> None:
    good, other = issue(tmp_path), issue(tmp_path, name="other")
    old = issue(tmp_path, name="old", end=NOW - timedelta(hours=1))
    nowhere = tmp_path / "nowhere.pem"
    for certificate, key, says in (
        (nowhere, good.key_path, f"cannot read {nowhere}: No such file"),
        (good.path, nowhere, f"cannot read {nowhere}: No such file"),
        (good.path, other.key_path, "is not that of the first certificate"),
        (good.key_path, good.key_path, "found no certificate in"),
        (old.path, old.key_path, "expected one that is valid now"),
    ):
        files = ("--certificate", str(certificate), "--key", str(key))
        assert says in refusal(capsys, "serve", "--port", "0", "--https", *files)
    files = ("--certificate", str(good.path), "--key", str(good.key_path))
    assert "only with https" in refusal(capsys, "serve", "--port", "0", *files)
    assert "come together" in refusal(capsys, "serve", "--port", "0", "--https", *files[:2])
    kept.parent.mkdir(parents=True)
    kept.write_text("-----BEGIN")
    said = refusal(capsys, "serve", "--port", "0", "--https")
    assert f"found no certificate in {kept}" in said
    assert "delete it" in said


def test_who_listens_to_events_does_not_hold_up_the_stop(start: Start) -> None:
    with (
        start() as started,
        httpx.Client(base_url=f"http://localhost:{started.port}") as http,
        http.stream("GET", "/v1/avatars/custom/events") as response,
    ):
        lines = response.iter_lines()
        assert next(lines) == "event: queue"
        started.web.should_exit = True
        # Ended in good order, else httpx raises.
        assert "".join(lines).startswith("data: ")
