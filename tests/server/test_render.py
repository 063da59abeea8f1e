"""A recording rendered to a file, and the recordings that cannot be."""

import wave
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from model.avatar import Controls
from model.identity.identity import Identity
from server.app import stream_config
from server.config import Config
from server.credentials import CredentialsError, CredentialsSigner
from server.recording import AudioFileError, Recording
from server.render import Look, OutputError, Rendering
from server.signing import SigningIdentity
from tests.server.fakes import FakeAvatar, FakeIdentity


def write_wav(path: Path, pcm: NDArray[np.int16], sample_rate: int) -> Path:
    """Write ``pcm`` (samples, channels)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(pcm.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm.tobytes())
    return path


def burst(sample_rate: int, channels: int = 1, seconds: float = 3.0) -> NDArray[np.int16]:
    """Silence, with a tone from 1 s to 2 s."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    tone = 12_000 * np.sin(2 * np.pi * 300 * times) * ((times >= 1) & (times < 2))
    return np.repeat(tone.astype(np.int16)[:, None], channels, axis=1)


def render(audio: Path, out: Path) -> Recording:
    avatar = FakeAvatar()
    config = stream_config(Config(), avatar)
    rendering = Rendering(avatar, cast(Identity, FakeIdentity(0)), config, Look(Controls(), 0))
    recording = Recording(audio)
    indices = list(rendering.write(recording, out))
    assert indices == list(range(len(indices)))
    return recording


def seen_and_heard(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """(frames,) brightness at 25 fps, (samples,) sound, its rate; both from the file's time 0."""
    with av.open(str(path)) as container:
        video = [
            (frame.time, frame.to_ndarray(format="rgb24")[..., 1].mean())
            for frame in container.decode(video=0)
        ]
    assert [round((time or 0) * 25) for time, _ in video] == list(range(len(video)))
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].codec_context.sample_rate
        sound = np.zeros(0)
        for frame in container.decode(audio=0):
            start = round((frame.time or 0) * rate)
            piece = frame.to_ndarray()[0].astype(np.float64)
            grown = np.zeros(max(len(sound), start + len(piece)))
            grown[: len(sound)] = sound
            kept = piece[max(0, -start) :]
            grown[max(0, start) : max(0, start) + len(kept)] = kept
            sound = grown
    return np.array([level for _, level in video]), sound, rate


@pytest.mark.parametrize(
    ("sample_rate", "channels"), [(48_000, 1), (44_100, 2), (8_000, 1), (6_000, 1), (384_000, 2)]
)
def test_sound_and_picture_are_together(tmp_path: Path, sample_rate: int, channels: int) -> None:
    audio = write_wav(tmp_path / "in.wav", burst(sample_rate, channels), sample_rate)
    out = tmp_path / "out.mp4"
    recording = render(audio, out)
    assert recording.damage is None
    brightness, sound, rate = seen_and_heard(out)
    assert len(brightness) == 75
    assert len(sound) / rate == pytest.approx(3, abs=0.1)
    loud = np.abs(sound) > 0.05 * np.abs(sound).max()
    begins_s, ends_s = np.flatnonzero(loud)[[0, -1]] / rate
    assert begins_s == pytest.approx(1, abs=0.015)
    assert ends_s == pytest.approx(2, abs=0.03)
    bright = np.flatnonzero(brightness > 100)
    assert (bright[0], bright[-1]) == (25, 49)
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_rate_and_layout_may_change_midway(tmp_path: Path) -> None:
    """An MPEG-1 layer III stream is frames one after another: two files joined are one."""
    pieces = []
    for sample_rate, layout in ((48_000, "stereo"), (32_000, "mono")):
        pcm = burst(sample_rate, 2 if layout == "stereo" else 1)
        path = tmp_path / f"{layout}.mp3"
        # No header that tells the length of the first file as if it were all.
        options = {"write_xing": "0", "id3v2_version": "0"}
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream("libmp3lame", sample_rate, layout=layout)
            sound = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout=layout)
            sound.sample_rate = sample_rate
            container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
        pieces.append(path.read_bytes())
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(b"".join(pieces))
    chunks = list(Recording(joined).chunks())
    assert {chunk.shape[1] for chunk in chunks} == {1}
    heard = np.concatenate(chunks)
    assert len(heard) / 48_000 == pytest.approx(6, abs=0.2)
    seconds = heard[: 6 * 48_000].reshape(6, -1).astype(np.float64)
    assert (seconds.std(axis=1) > 2000).tolist() == [False, True, False, False, True, False]


def test_a_cut_off_recording_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_wav(tmp_path / "in.wav", burst(16_000), 16_000).read_bytes()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[: len(whole) // 2])
    recording = render(cut, tmp_path / "out.mp4")
    assert recording.damage is not None
    assert "cut off after 1.50 s" in recording.damage
    brightness, _, _ = seen_and_heard(tmp_path / "out.mp4")
    assert len(brightness) == 38


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot read .*in.wav: No such file"),
        (b"", "is not a recording"),
        (b"these are words, not sounds" * 20, "is not a recording"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "in.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFileError, match=says):
        Recording(path)


def test_a_folder_and_a_silent_film(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"cannot read|not a recording"):
        Recording(tmp_path)
    film = tmp_path / "film.mp4"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width = stream.height = 64
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioFileError, match="has no sound"):
        Recording(film)


def test_no_samples_at_all(tmp_path: Path) -> None:
    empty = write_wav(tmp_path / "in.wav", np.zeros((0, 1), np.int16), 16_000)
    out = tmp_path / "out.mp4"
    with pytest.raises(AudioFileError, match=r"no sound that can be decoded|not a recording"):
        render(empty, out)
    assert not out.exists()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "in.wav", burst(16_000, seconds=0.2), 16_000)
    with pytest.raises(OutputError, match=r"cannot write .*nowhere/out.mp4: No such file"):
        render(audio, tmp_path / "nowhere" / "out.mp4")


def test_a_failure_leaves_an_older_video_alone(tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "in.wav", burst(16_000, seconds=0.5), 16_000)
    out = tmp_path / "out.mp4"
    out.write_bytes(b"older")
    avatar = FakeAvatar()
    avatar.failure = RuntimeError("out of memory")
    rendering = Rendering(
        avatar,
        cast(Identity, FakeIdentity(0)),
        stream_config(Config(), avatar),
        Look(Controls(), 0),
    )
    with pytest.raises(RuntimeError, match="out of memory"):
        list(rendering.write(Recording(audio), out))
    assert out.read_bytes() == b"older"
    assert list(tmp_path.glob("*part*")) == []


def test_a_video_that_cannot_be_signed_is_not_left_unsigned(tmp_path: Path) -> None:
    class Unable(CredentialsSigner):
        def sign(self, video: Path, signed: Path) -> None:
            signed.write_bytes(b"half")
            raise CredentialsError("cannot sign it: no space")

    avatar = FakeAvatar()
    rendering = Rendering(
        avatar,
        cast(Identity, FakeIdentity(0)),
        stream_config(Config(), avatar),
        Look(Controls(), 0),
        signer=Unable(SigningIdentity(b"", b"", "es256")),
    )
    audio = write_wav(tmp_path / "in.wav", burst(16_000, seconds=0.2), 16_000)
    with pytest.raises(OutputError, match=r"cannot write .*out.mp4: cannot sign it: no space"):
        list(rendering.write(Recording(audio), tmp_path / "out.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]
