"""The command as a user types it: what it says when it cannot do what was asked."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from server import cli, command_line, serve_command
from tests.server.fakes import SIZE_PX, FakeAvatar
from tests.server.issuing import issue
from tests.server.test_render import burst, write_wav

pytestmark = pytest.mark.usefixtures("own_logging")


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the certificate that rendered files are signed with is kept."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def avatar(monkeypatch: pytest.MonkeyPatch) -> FakeAvatar:
    """Let the command load the fake model."""
    avatar = FakeAvatar()
    monkeypatch.setattr("model.avatar.Avatar.load", lambda _, **options: avatar)
    monkeypatch.setattr(
        "server.serve_command.AvatarProcess", lambda load, _: contextlib.nullcontext(load())
    )
    return avatar


@pytest.fixture
def face(tmp_path: Path) -> Path:
    path = tmp_path / "face.jpg"
    path.write_bytes(b"FACE\x00")
    return path


@pytest.fixture
def speech_wav(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "speech.wav", burst(16_000, seconds=1), 16_000)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command, which must refuse; return what it says, which must be one line."""
    assert cli.main(arguments) == command_line.BAD_INPUT
    said = capsys.readouterr().err
    assert said.startswith("likeness: ")
    assert len(said.splitlines()) == 1
    return said


def test_port_in_use(capsys: pytest.CaptureFixture[str], taken_port: int) -> None:
    said = refusal(capsys, "serve", "--port", str(taken_port))
    assert f"port {taken_port} is in use" in said
    assert "--port" in said


def test_no_such_folder_for_recordings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = refusal(capsys, "serve", "--port", "0", "--record", str(tmp_path / "gone"))
    assert "gone" in said
    assert "make it" in said


@pytest.mark.parametrize("url", ["rtmp://host/live", "https://me:secret@host/whip"])
def test_no_whip_address(capsys: pytest.CaptureFixture[str], url: str) -> None:
    said = refusal(capsys, "serve", "--port", "0", "--publish", url)
    assert "http(s)://host/path" in said
    assert "secret" not in said


def test_a_token_that_cannot_be_sent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKENESS_PUBLISH_TOKEN", "two words")
    said = refusal(capsys, "serve", "--port", "0", "--publish", "http://host/whip")
    assert "LIKENESS_PUBLISH_TOKEN" in said
    assert "two words" not in said


def test_a_certificate_that_cannot_sign_recordings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    issued, path = issue(tmp_path), tmp_path / "config.toml"
    path.write_text(f'[trust]\ncertificate = "{issued.path}"\nkey = "{issued.key_path}"\n')
    said = refusal(capsys, "serve", "--port", "0", "--config", str(path))
    assert "trust.certificate" in said
    assert "cannot sign content credentials" in said


def test_no_such_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--host 300.1.1.1" in refusal(capsys, "serve", "--host", "300.1.1.1", "--port", "0")


def test_wrong_configuration(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[http]\nprot = 1")
    assert "http.prot" in refusal(capsys, "serve", "--config", str(path))
    assert "port = 70000" in refusal(capsys, "serve", "--port", "70000")


def test_weights_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for command in (["serve", "--port", "0"], ["doctor"]):
        said = refusal(capsys, *command, "--weights", str(tmp_path))
        assert str(tmp_path) in said


@pytest.mark.usefixtures("avatar")
def test_default_portrait_without_a_face(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"CAT")
    assert "found no face" in refusal(capsys, "serve", "--port", "0", "--portrait", str(path))
    missing = str(tmp_path / "nobody.jpg")
    assert "nobody.jpg: No such file" in refusal(
        capsys, "serve", "--port", "0", "--portrait", missing
    )


def test_a_model_that_cannot_run_ends_the_server(
    capsys: pytest.CaptureFixture[str], avatar: FakeAvatar, face: Path
) -> None:
    avatar.failure = RuntimeError("no such instruction")
    assert cli.main(["serve", "--port", "0", "--portrait", str(face)]) == command_line.FAILED
    assert "likeness: the model cannot run on this machine (no such instruction)" in (
        capsys.readouterr().err
    )


@pytest.mark.usefixtures("avatar")
def test_render(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, face: Path, speech_wav: Path
) -> None:
    out = tmp_path / "out.mp4"
    assert cli.main(["render", str(face), str(speech_wav), "-o", str(out), "--size", "256"]) == 0
    assert out.stat().st_size > 1000
    assert "25/25" in capsys.readouterr().err


@pytest.mark.usefixtures("avatar")
def test_render_what_is_left_of_a_recording(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, face: Path, speech_wav: Path
) -> None:
    content = speech_wav.read_bytes()
    speech_wav.write_bytes(content[: len(content) * 3 // 4])
    out = tmp_path / "out.mp4"
    arguments = ["render", str(face), str(speech_wav), "-o", str(out)]
    assert cli.main([*arguments, "--size", str(SIZE_PX)]) == command_line.DAMAGED_INPUT
    assert "cut off after 0.7" in capsys.readouterr().err
    assert out.exists()


@pytest.mark.usefixtures("avatar")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no.jpg", "speech.wav"], "no.jpg: No such file"),
        (["speech.wav", "speech.wav"], "found no face"),
        (["face.jpg", "no.wav"], "no.wav: No such file"),
        (["face.jpg", "face.jpg"], "face.jpg has no sound"),
        (["face.jpg", "speech.wav", "--size", "100"], "video.size_px = 100"),
        (["face.jpg", "speech.wav", "--expression", "bored"], "'bored', expected one of neutral"),
        (["face.jpg", "speech.wav", "--strength", "2"], "expected 0 to 1"),
    ],
)
@pytest.mark.usefixtures("face", "speech_wav")
def test_render_refuses(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in refusal(capsys, "render", *arguments, "-o", "out.mp4")
    assert not Path("out.mp4").exists()


@pytest.mark.usefixtures("avatar")
@pytest.mark.parametrize("source", ["face.jpg", "speech.wav"])
def test_render_does_not_overwrite_what_it_reads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, face: Path, speech_wav: Path, source: str
) -> None:
    before = (tmp_path / source).read_bytes()
    same = tmp_path / "same.mp4"
    same.symlink_to(source)
    for out in (tmp_path / source, same):
        said = refusal(capsys, "render", str(face), str(speech_wav), "-o", str(out))
        assert f"would overwrite {tmp_path / source}" in said
    assert (tmp_path / source).read_bytes() == before


@pytest.mark.usefixtures("avatar")
@pytest.mark.parametrize("out", ["", "talk", "talk.webm", "-"])
def test_render_writes_mp4_and_nothing_else(
    capsys: pytest.CaptureFixture[str], face: Path, speech_wav: Path, out: str
) -> None:
    said = refusal(capsys, "render", str(face), str(speech_wav), "-o", out)
    assert "MP4" in said


@pytest.mark.usefixtures("avatar")
def test_render_does_not_replace_what_is_no_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, face: Path, speech_wav: Path
) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    said = refusal(capsys, "render", str(face), str(speech_wav), "-o", str(pipe))
    assert "is no file" in said
    assert pipe.is_fifo()


@pytest.mark.parametrize("seed", ["-5", "9" * 25, "x"])
def test_render_refuses_a_seed_that_is_none(capsys: pytest.CaptureFixture[str], seed: str) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["render", "a.jpg", "b.wav", "-o", "c.mp4", "--seed", seed])
    assert caught.value.code == command_line.BAD_INPUT
    assert "--seed" in capsys.readouterr().err


@pytest.mark.usefixtures("avatar")
def test_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeAvatar, "identify", lambda self, *_: FakeAvatar.open(self, 0))
    black = np.zeros((512, 512, 3), np.uint8)
    monkeypatch.setattr(FakeAvatar, "render", lambda *_: np.stack([black, black]))
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    for word in ("cores", "bf16", "libx264: yes", "libopus: yes", "times real time", "sessions"):
        assert word in said


@pytest.mark.parametrize(
    ("scheme", "host", "url"),
    [
        ("http", "127.0.0.1", "http://localhost:80/"),
        ("http", "::", "http://localhost:80/"),
        ("http", "192.168.1.7", "http://192.168.1.7:80/"),
        ("https", "0.0.0.0", "https://localhost:80/"),
        ("https", "fd00::7", "https://[fd00::7]:80/"),
    ],
)
def test_the_address_that_is_shown(scheme: str, host: str, url: str) -> None:
    assert serve_command._url(scheme, host, 80) == url


def test_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2
    assert "serve" in capsys.readouterr().err
