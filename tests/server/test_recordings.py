"""Recordings: killed, bounded, on a disk that is slow, full or gone."""

import asyncio
import errno
import io
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event

import pytest

from server.config import Config, VideoConfig
from server.metrics import Metrics
from server.outgoing_config import RecordingConfig
from server.problems import Problem
from server.recorder import Packet, PacketQueue, Recorder
from server.recordings import Recordings, RecordingsFolderError, check_folder
from server.sdp import VideoCodec
from tests.conftest import ROOT
from tests.server.fakes import SIZE_PX
from tests.server.media import Source, decoded, stamps

H264 = VideoCodec.H264


def recordings_in(folder: Path, **limits: float) -> Recordings:
    config = RecordingConfig(folder=folder, **limits)  # type: ignore[arg-type]
    return Recordings(Config(video=VideoConfig(size_px=SIZE_PX), recording=config), Metrics())


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
    assert rms > 0


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


async def test_all_recordings_together_are_bounded(tmp_path: Path) -> None:
    recordings = recordings_in(tmp_path, max_bytes=20_000)
    first = recordings.begin(H264, "call", "first", None)
    feed(first, Source(H264), 45)
    first.stop()
    if (problem := await end(first)) is None:
        second = recordings.begin(H264, "call", "first", None)
        feed(second, Source(H264), 45)
        problem = await end(second)
    assert problem is not None
    assert problem.code == "recordings-full"
    assert "20000" in problem.detail
    assert sum(path.stat().st_size for path in files(tmp_path, "*.mp4")) <= 20_000
    for entry in recordings.list():
        recordings.delete(entry)
    again = recordings.begin(H264, "call", "first", None)
    feed(again, Source(H264), 10)
    again.stop()
    assert await end(again) is None


async def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    recorder = recordings_in(tmp_path / "gone").begin(H264, "call", "first", None)
    problem = await end(recorder)
    assert problem is not None
    assert problem.code == "recording-failed"
    assert "No such file" in problem.detail
    feed(recorder, Source(H264), 3)  # nobody is hurt by what comes late


class Disk(io.BytesIO):
    """A file whose disk is full after ``room`` bytes, and stands still without ``gate``."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self._synced = TemporaryFile()  # noqa: SIM115 - it lives as long as this one
        self.gate = Event()
        self.gate.set()
        self.kept = b""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        assert self.gate.wait(20)
        if self.tell() + len(data) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)

    def fileno(self) -> int:
        return self._synced.fileno()

    def close(self) -> None:
        self.kept = self.kept or self.getvalue()
        self._synced.close()
        super().close()


def recorder_on(disk: Disk, queue_ms: float = 1000) -> Recorder:
    return Recorder("test", H264, SIZE_PX, lambda: disk, lambda: None, 60_000, queue_ms, Metrics())


async def test_a_full_disk_is_told_and_what_was_written_plays(tmp_path: Path) -> None:
    disk = Disk(room=25_000)
    recorder = recorder_on(disk, queue_ms=10_000)
    feed(recorder, Source(H264), 100)
    problem = await end(recorder)
    assert problem is not None
    assert problem.code == "disk-full"
    assert "delete some" in problem.detail
    path = tmp_path / "cut.mp4"
    path.write_bytes(disk.kept)
    assert decoded(path)[0] > 10


async def test_a_slow_disk_holds_up_nobody_and_is_counted(tmp_path: Path) -> None:
    disk = Disk(room=10_000_000)
    recorder = recorder_on(disk)
    disk.gate.clear()
    feed(recorder, Source(H264), 60)  # the disk stands still for 2.4 s, and 1 s is held
    dropped = recorder.dropped_packets
    assert dropped > 60
    assert recorder._metrics.unrecorded_packets._value.get() == dropped
    disk.gate.set()
    recorder.stop()
    assert await end(recorder) is None
    path = tmp_path / "cut.mp4"
    path.write_bytes(disk.kept)
    assert decoded(path)[0] >= 25


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_after_drops_it_goes_on_with_the_next_key_frame(codec: VideoCodec) -> None:
    queue = PacketQueue(codec, queue_ms=1000)
    taken: list[Packet] = []

    def put(source: Source, frames: int) -> None:
        for picture, pts, voice in source.frames(frames):
            for data, at in voice:
                queue.put(Packet(data, at, is_picture=False))
            queue.put(Packet(picture.data, pts, is_picture=True))

    def take_all() -> None:
        while queue._packets and (packet := queue.take()) is not None:
            taken.append(packet)

    source = Source(codec)
    put(source, 35)
    take_all()
    put(source, 5)
    take_all()
    put(source, 20)
    queue.close()
    take_all()
    assert queue.take() is None
    pictures = [packet.pts // 3600 for packet in taken if packet.is_picture]
    voice = [packet.pts // 960 for packet in taken if not packet.is_picture]
    # A key frame comes every 25 pictures: 26 fit, then all are missing up to the 50th.
    assert pictures == [*range(26), *range(50, 60)]
    assert voice[-1] == 119
    assert not set(range(54, 100)) & set(voice)
    assert queue.dropped_packets == 3 * 60 - len(taken)


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
