"""The folder of recordings: what is in it after a kill, for whom, and how much."""

import asyncio
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from server.config import Config, TrustConfig, VideoConfig
from server.metrics import Metrics
from server.outgoing_config import RecordingConfig
from server.problems import Problem
from server.recorder import Recorder
from server.recording_file import CountedFile
from server.recordings import Recordings, RecordingsFolderError, check_folder
from server.recordings_room import Room
from server.sdp import VideoCodec
from tests.conftest import ROOT
from tests.server.fakes import SIZE_PX
from tests.server.media import LOUDNESS, Source, decoded, stamps

H264 = VideoCodec.H264


def recordings_in(folder: Path, **limits: float) -> Recordings:
    config = RecordingConfig(folder=folder, **limits)  # type: ignore[arg-type]
    video, trust = VideoConfig(size_px=SIZE_PX), TrustConfig(credentials=False)
    return Recordings(Config(video=video, recording=config, trust=trust), Metrics())


def files(folder: Path, pattern: str = "*") -> list[Path]:
    return list(folder.glob(pattern))


def feed(recorder: Recorder, source: Source, frames: int) -> None:
    for picture, pts, voice in source.frames(frames):
        for data, at in voice:
            recorder.voice.put(data, at)
        recorder.picture.put(picture.data, pts)


async def end(recorder: Recorder) -> Problem | None:
    async with asyncio.timeout(20):
        await recorder.ended.wait()
    return recorder.problem


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_a_killed_process_leaves_a_file_that_plays(codec: VideoCodec, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.server.recording_child", str(tmp_path), codec.value]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        handed_ms = next(ms for line in child.stdout if (ms := int(line)) >= 5000)
        child.kill()
    (entry,) = recordings_in(tmp_path).list()
    assert not entry.is_running
    for kind in ("video", "audio"):
        found = stamps(entry.path, kind)
        assert found[0] < 0.05
        assert float(found[-1]) * 1000 > handed_ms - 2000
        assert max(b - a for a, b in pairwise(found)) < 0.05
    pictures, rms = decoded(entry.path)
    assert pictures * 40 > handed_ms - 2000
    assert rms == pytest.approx(LOUDNESS, rel=0.05)


async def test_what_is_stopped_is_complete_and_private(tmp_path: Path) -> None:
    recordings = recordings_in(tmp_path)
    recorder = recordings.begin(H264, "call", "somebody", "0a0b0c0d")
    feed(recorder, Source(H264), 50)
    assert recordings.get(recorder.id).is_running
    recorder.stop()
    assert await end(recorder) is None
    entry = recordings.get(recorder.id)
    assert not entry.is_running
    assert entry.about.owner == "0a0b0c0d"
    assert decoded(entry.path)[0] == 50
    assert entry.path.stat().st_mode & 0o777 == 0o600
    assert "somebody" not in entry.path.name
    assert "0a0b0c0d" not in entry.path.name
    recordings.delete(entry)
    assert files(tmp_path) == []


async def test_a_recording_without_a_picture_leaves_nothing(tmp_path: Path) -> None:
    recorder = recordings_in(tmp_path).begin(H264, "call", "somebody", None)
    recorder.stop()
    assert await end(recorder) is None
    assert files(tmp_path) == []


async def test_it_ends_after_max_minutes(tmp_path: Path) -> None:
    recorder = recordings_in(tmp_path, max_minutes=1 / 60).begin(H264, "call", "first", None)
    feed(recorder, Source(H264), 40)
    problem = await end(recorder)
    assert problem is not None
    assert problem.code == "recording-too-long"
    (path,) = files(tmp_path, "*.mp4")
    assert decoded(path)[0] in (25, 26)


async def record(recordings: Recordings, frames: int) -> Problem | None:
    """Make a whole recording; return why it could not be one."""
    recorder = recordings.begin(H264, "call", "first", None)
    feed(recorder, Source(H264), frames)
    recorder.stop()
    return await end(recorder)


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in files(folder))


async def test_all_recordings_together_are_bounded(tmp_path: Path) -> None:
    assert await record(recordings_in(tmp_path), 45) is None
    most = 3 * size_bytes(tmp_path) // 2
    # As after a restart: what is there counts.
    recordings = recordings_in(tmp_path, max_bytes=most)
    problem = await record(recordings, 45)
    assert problem is not None
    assert problem.code == "recordings-full"
    assert str(most) in problem.detail
    assert sum(path.stat().st_size for path in files(tmp_path, "*.mp4")) <= most
    for entry in recordings.list():
        recordings.delete(entry)
    assert await record(recordings, 45) is None


async def test_what_is_deleted_makes_room_while_others_are_made(tmp_path: Path) -> None:
    assert await record(recordings_in(tmp_path), 45) is None
    recordings = recordings_in(tmp_path, max_bytes=size_bytes(tmp_path) + 1)
    (old,) = recordings.list()
    running = recordings.begin(H264, "call", "first", None)
    await running.opened.wait()
    assert running.problem is None
    refused = await record(recordings, 5)
    assert refused is not None
    assert refused.code == "recordings-full"
    recordings.delete(old)
    assert await record(recordings, 5) is None
    running.stop()
    assert await end(running) is None


@pytest.mark.parametrize("codec", list(VideoCodec))
@pytest.mark.parametrize("max_bytes", [1000, 1300])
@pytest.mark.parametrize("frames", [3, 60])
async def test_one_that_has_no_room_for_a_picture_leaves_nothing(
    tmp_path: Path, codec: VideoCodec, max_bytes: int, frames: int
) -> None:
    # A header has 574 or 1161 bytes. Short ones are written as they end.
    recordings = recordings_in(tmp_path, max_bytes=max_bytes)
    recorder = recordings.begin(codec, "call", "first", None)
    feed(recorder, Source(codec), frames)
    recorder.stop()
    problem = await end(recorder)
    assert problem is not None
    assert problem.code == "recordings-full"
    assert recordings.list() == []
    assert files(tmp_path) == []
    assert recordings._room.used == 0


async def test_one_that_ends_early_but_plays_is_kept(tmp_path: Path) -> None:
    problem = await record(recordings_in(tmp_path, max_bytes=40_000), 100)
    assert problem is not None
    assert problem.code == "recordings-full"
    (entry,) = recordings_in(tmp_path).list()
    assert decoded(entry.path)[0] > 5


async def test_only_media_are_counted(tmp_path: Path) -> None:
    assert await record(recordings_in(tmp_path), 45) is None
    (media,) = files(tmp_path, "*.mp4")
    (about,) = files(tmp_path, "*.json")
    about.write_bytes(about.read_bytes() + b" " * 1_000_000)
    (tmp_path / "mine.mp4").write_bytes(bytes(1_000_000))
    recordings = recordings_in(tmp_path, max_bytes=4 * media.stat().st_size)
    assert await record(recordings, 45) is None
    assert recordings._room.used == sum(path.stat().st_size for path in files(tmp_path, "2*.mp4"))
    for entry in recordings.list():
        recordings.delete(entry)
    assert recordings._room.used == 0


async def test_one_that_cannot_be_described_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    recordings = recordings_in(tmp_path)
    with monkeypatch.context() as full:
        full.setattr("server.user_data.write_whole", fail)
        problem = await record(recordings, 5)
    assert problem is not None
    assert problem.code == "disk-full"
    assert files(tmp_path) == []


async def test_one_that_is_deleted_twice_is_deleted_once(tmp_path: Path) -> None:
    recordings = recordings_in(tmp_path)
    for _ in range(2):
        assert await record(recordings, 5) is None
    one, other = recordings.list()
    recordings.delete(one)
    recordings.delete(one)
    assert recordings._room.used == other.bytes


def test_what_is_written_is_the_system_s_at_once(tmp_path: Path) -> None:
    with (tmp_path / "film").open("w+b") as file:
        CountedFile(file, Room(limit=100)).write(b"a picture")
        assert (tmp_path / "film").read_bytes() == b"a picture"


async def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    recorder = recordings_in(tmp_path / "gone").begin(H264, "call", "first", None)
    problem = await end(recorder)
    assert problem is not None
    assert problem.code == "recording-failed"
    assert "No such file" in problem.detail
    feed(recorder, Source(H264), 3)  # nobody is hurt by what comes late


def test_a_configured_folder_must_be_there(tmp_path: Path) -> None:
    check_folder(RecordingConfig())
    check_folder(RecordingConfig(folder=tmp_path))
    with pytest.raises(RecordingsFolderError, match="--record"):
        check_folder(RecordingConfig(folder=tmp_path / "gone"))


def test_ids_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"")
    for recording_id in ("../secret", "secret", "..", ""):
        with pytest.raises(Problem, match="no such recording"):
            recordings_in(tmp_path).get(recording_id)


async def test_without_a_home_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    recorder = Recordings(Config(), Metrics()).begin(H264, "call", "first", None)
    problem = await end(recorder)
    assert problem is not None
    assert problem.code == "recording-failed"
    assert "XDG_DATA_HOME" in problem.detail
