"""One recording on a disk that is slow or full, and what is left of it when the power fails."""

import asyncio
import errno
import io
import itertools
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event
from types import SimpleNamespace

import pytest

from server.metrics import Metrics
from server.recorder import Packet, PacketQueue, Recorder
from server.sdp import VideoCodec
from tests.server.fakes import SIZE_PX
from tests.server.media import Source, decoded
from tests.server.test_recordings import H264, end, feed


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


@pytest.mark.parametrize("room", [0, 100])
async def test_a_disk_with_no_room_for_a_beginning_is_told(room: int) -> None:
    recorder = recorder_on(Disk(room))
    feed(recorder, Source(H264), 5)
    problem = await end(recorder)
    assert problem is not None
    assert problem.code == "disk-full"


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


async def test_a_disk_that_stands_still_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.recorder._WAIT_S", 0.01)
    disk = Disk(room=10_000_000)
    disk.gate.clear()
    recorder = recorder_on(disk)
    feed(recorder, Source(H264), 30)
    recorder.stop()
    assert not await recorder.wait(recorder.ended)
    assert recorder._metrics.recordings_stuck._value.get() == 1
    (warned,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warned.__dict__["recording"] == "test"
    monkeypatch.setattr("server.recorder._WAIT_S", 20)
    disk.gate.set()
    assert await recorder.wait(recorder.ended)


def test_a_disk_that_goes_on_after_the_server_hurts_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed: list[object] = []
    monkeypatch.setattr("threading.excepthook", failed.append)
    disk = Disk(room=10_000_000)
    disk.gate.clear()

    async def serve() -> Recorder:
        recorder = recorder_on(disk)
        recorder.stop()
        return recorder

    recorder = asyncio.run(serve())
    disk.gate.set()
    recorder._thread.join(20)
    assert failed == []


@pytest.mark.parametrize(("step_s", "times"), [(0.0, 0), (0.6, 15), (1.1, 30)])
async def test_once_a_second_what_is_written_is_safe_from_a_power_cut(
    monkeypatch: pytest.MonkeyPatch, step_s: float, times: int
) -> None:
    looks = itertools.count(0, step_s)
    synced: list[int] = []
    monkeypatch.setattr("server.recorder.time", SimpleNamespace(monotonic=lambda: next(looks)))
    monkeypatch.setattr("server.recorder.os", SimpleNamespace(fsync=synced.append))
    disk = Disk(room=10_000_000)
    own = disk.fileno()
    recorder = recorder_on(disk)
    feed(recorder, Source(H264), 10)
    recorder.stop()
    assert await end(recorder) is None
    assert synced == [own] * times


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
