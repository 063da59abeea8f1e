"""`likeness detect`: both marks found, one of them, none, and files that cannot be looked at."""

import json
from datetime import UTC, datetime
from fractions import Fraction
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np
import pytest
from PIL import Image

from model.frames.watermark_detector import THRESHOLD
from server import cli, command_line, credentials, signing
from server.config import TrustConfig
from server.detect import DetectError, examine
from server.detect_command import MARKED, NOT_MARKED
from tests.server.fakes import FakeAvatar
from tests.server.test_render import burst, write_wav


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("model.avatar.Avatar.load", lambda _, **options: FakeAvatar())


def render(folder: Path, settings: str = "") -> Path:
    """Make a video by the command, 2 s long, with these lines under [trust]."""
    face, out, config = folder / "face.jpg", folder / "out.mp4", folder / "config.toml"
    face.write_bytes(b"FACE\x00")
    config.write_text(f"[trust]\n{settings}")
    audio = write_wav(folder / "speech.wav", burst(16_000, seconds=2), 16_000)
    arguments = ["render", str(face), str(audio), "-o", str(out), "--config", str(config)]
    assert cli.main([*arguments, "--size", "256"]) == 0
    return out


def coded_again(path: Path, out: Path) -> Path:
    """As a site does that is sent a video: coded again, and nothing beside the pictures."""
    with av.open(str(path)) as source, av.open(str(out), "w") as copy:
        stream = copy.add_stream("libx264", 25, options={"preset": "ultrafast"})
        stream.width = stream.height = 256
        stream.bit_rate = 500_000
        for frame in source.decode(video=0):
            copy.mux(stream.encode(frame))
        copy.mux(stream.encode(None))
    return out


def detect(capsys: pytest.CaptureFixture[str], path: Path) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = cli.main(["detect", "--json", str(path)])
    return status, json.loads(capsys.readouterr().out)


def test_a_rendered_file_bears_both(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, found = detect(capsys, render(tmp_path))
    assert status == MARKED
    assert found["marked"]
    assert found["watermark"]["found"]
    assert found["watermark"]["score"] > found["watermark"]["threshold"] == THRESHOLD
    assert found["watermark"]["frames"] == 50
    said = found["credentials"]
    assert said["generator"].startswith("Likeness ")
    assert said["signer"] == "Likeness, installation"
    assert (said["made_by_ai"], said["valid"], said["own"]) == (True, True, True)
    assert said["problems"] == []
    assert found["damage"] is None


def test_it_is_said_in_words_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = render(tmp_path)
    capsys.readouterr()
    assert cli.main(["detect", str(path)]) == MARKED
    watermark, said = capsys.readouterr().out.splitlines()
    assert watermark.startswith("watermark    yes: score ")
    assert said.startswith("credentials  valid: made by AI with Likeness ")
    assert said.endswith("(this installation)")


def test_what_is_written_is_what_c2pa_asks_for(tmp_path: Path) -> None:
    with c2pa.Reader(str(render(tmp_path))) as reader:
        manifest = reader.get_active_manifest()
    assert manifest is not None
    actions = [a["data"] for a in manifest["assertions"] if a["label"] == "c2pa.actions.v2"]
    (action,) = actions[0]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    )
    assert manifest["claim_generator_info"][0]["name"] == "Likeness"
    assert manifest["signature_info"]["alg"] == "Es256"


def test_coded_again_the_watermark_is_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, found = detect(capsys, coded_again(render(tmp_path), tmp_path / "again.mkv"))
    assert status == MARKED
    assert found["watermark"]["found"]
    assert found["credentials"] is None


def test_switched_off_there_is_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = render(tmp_path, "watermark = false\ncredentials = false")
    status, found = detect(capsys, path)
    assert status == NOT_MARKED
    assert not found["watermark"]["found"]
    assert found["credentials"] is None
    assert cli.main(["detect", str(path)]) == NOT_MARKED
    assert capsys.readouterr().out.splitlines()[1] == "credentials  none"


def test_credentials_alone_are_enough(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, found = detect(capsys, render(tmp_path, "watermark = false"))
    assert status == MARKED
    assert not found["watermark"]["found"]
    assert found["credentials"]["valid"]


def test_a_file_changed_since_is_not_valid(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = render(tmp_path, "watermark = false")
    content = bytearray(path.read_bytes())
    content[content.rindex(b"mdat") + 500] ^= 0xFF
    path.write_bytes(content)
    status, found = detect(capsys, path)
    assert status == NOT_MARKED
    assert not found["credentials"]["valid"]
    assert "assertion.bmffHash.mismatch" in found["credentials"]["problems"]
    cli.main(["detect", str(path)])
    assert "NOT VALID (assertion.bmffHash.mismatch" in capsys.readouterr().out


def test_another_installations_file_is_valid_but_its_signer_not_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = render(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    for _ in range(2):  # without a certificate of its own, then with one
        status, found = detect(capsys, path)
        assert status == MARKED
        assert (found["credentials"]["valid"], found["credentials"]["own"]) == (True, False)
        signing.own(signing.kept_at(), datetime.now(UTC))


def test_credentials_that_say_nothing_of_ai_are_no_mark(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    camera = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
    }
    manifest = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [camera]}}]}
    monkeypatch.setattr("server.credentials._MANIFEST", manifest)
    status, found = detect(capsys, render(tmp_path, "watermark = false"))
    assert status == NOT_MARKED
    assert found["credentials"]["valid"]
    assert not found["credentials"]["made_by_ai"]


def test_only_the_end_is_marked(tmp_path: Path) -> None:
    """11 s that are not, then 2 s that are: pieces are looked at one by one."""
    path = tmp_path / "cut.mp4"
    marked = render(tmp_path)
    with av.open(str(marked)) as source, av.open(str(path), "w") as copy:
        stream = copy.add_stream("libx264", 25)
        stream.width = stream.height = 256
        plain = av.VideoFrame.from_ndarray(np.full((256, 256, 3), 90, np.uint8), format="rgb24")
        frames = chain(repeat(plain, 11 * 25), source.decode(video=0))
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, Fraction(1, 25)
            copy.mux(stream.encode(frame))
        copy.mux(stream.encode(None))
    found = examine(path)
    assert found.watermark.is_found
    assert found.watermark.start_s == pytest.approx(10, abs=0.1)


def test_of_a_file_that_is_cut_off_what_is_there_is_looked_at(tmp_path: Path) -> None:
    whole = coded_again(render(tmp_path), tmp_path / "again.mkv").read_bytes()
    path = tmp_path / "short.mkv"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    found = examine(path)
    assert 10 < found.watermark.frames < 50


def test_a_picture_can_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (300, 200), (90, 120, 60)).save(path)
    found = examine(path)
    assert not found.is_marked
    assert found.watermark.frames == 1


def test_what_cannot_be_looked_at(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = tmp_path / "words.mp4"
    words.write_text("these are words" * 100)
    sound = write_wav(tmp_path / "sound.wav", burst(16_000, seconds=1), 16_000)
    for path, says in (
        (words, "Invalid data"),
        (sound, "has no pictures"),
        (tmp_path / "nothing.mp4", "No such file"),
        (tmp_path, "cannot read|Is a directory"),
    ):
        with pytest.raises(DetectError, match=says):
            examine(path)
        assert cli.main(["detect", str(path)]) == command_line.BAD_INPUT
        assert capsys.readouterr().err.startswith("likeness: ")


def test_a_given_certificate_that_cannot_sign_is_told_before_anything_is_drawn(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[trust]\ncertificate = "no.pem"\nkey = "no.key"')
    face = tmp_path / "face.jpg"
    face.write_bytes(b"FACE\x00")
    audio = write_wav(tmp_path / "speech.wav", burst(16_000, seconds=1), 16_000)
    out = tmp_path / "out.mp4"
    arguments = ["render", str(face), str(audio), "-o", str(out), "--config", str(config)]
    assert cli.main(arguments) == command_line.BAD_INPUT
    assert "trust.certificate: cannot read no.pem" in capsys.readouterr().err
    assert not out.exists()


def test_the_signed_file_plays_as_before(tmp_path: Path) -> None:
    signer = credentials.signer(TrustConfig(), datetime.now(UTC))
    assert signer is not None
    plain, signed = render(tmp_path, "credentials = false"), tmp_path / "signed.mp4"
    signer.sign(plain, signed)
    with av.open(str(plain)) as before, av.open(str(signed)) as after:
        for a, b in zip(before.decode(video=0), after.decode(video=0), strict=True):
            np.testing.assert_array_equal(a.to_ndarray(), b.to_ndarray())
