"""Where everything is recorded, a performance is, also after a recording that ended by itself."""

import asyncio
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import IO, cast

import pytest

from server import record_again
from server.broadcast import Broadcast
from server.config import VideoConfig, VoiceConfig
from server.metrics import Metrics
from server.performance import Performance
from server.performance_recording import PerformanceRecordings
from server.problems import Problem
from server.recording_file import RecordingFile
from tests.server.fakes import SIZE_PX
from tests.server.media import Source
from tests.server.test_recordings import H264, end, feed, files, recordings_in


def performance() -> Performance:
    broadcast = Broadcast(VideoConfig(size_px=SIZE_PX), VoiceConfig(), Metrics())
    shown = SimpleNamespace(
        name="first", portrait=SimpleNamespace(id="first"), broadcast=broadcast, on_end=set()
    )
    return cast(Performance, shown)


def close(subject: Performance) -> None:
    for listener in tuple(subject.on_end):
        listener()


async def test_the_next_follows_one_that_became_too_long(tmp_path: Path) -> None:
    subject = performance()
    recordings = PerformanceRecordings(recordings_in(tmp_path, everything=True, max_minutes=1 / 60))
    one = recordings.begin_now(subject)
    feed(one, Source(H264), 40)
    assert await end(one) is not None
    other = recordings.get(subject)
    assert other is not one
    assert len(subject.broadcast._seats) == 1
    feed(other, Source(H264), 5)
    close(subject)
    assert await end(other) is None
    assert (subject.on_end, subject.broadcast._seats) == (set(), set())
    assert len(files(tmp_path, "*.mp4")) == 2


@pytest.mark.parametrize("how", ["elsewhere", "stopped"])
async def test_none_follows(tmp_path: Path, how: str) -> None:
    subject = performance()
    recordings = PerformanceRecordings(
        recordings_in(tmp_path, everything=how == "stopped", max_minutes=1 / 60)
    )
    one = recordings.begin_now(subject)
    feed(one, Source(H264), 10 if how == "stopped" else 40)
    if how == "stopped":
        await recordings.stop(subject)
    await end(one)
    with pytest.raises(Problem, match="not being recorded"):
        recordings.get(subject)


async def test_a_disk_that_fails_is_tried_again_unless_the_performance_ends(
    tmp_path: Path,
) -> None:
    subject = performance()
    recordings = PerformanceRecordings(recordings_in(tmp_path / "gone", everything=True))
    one = recordings.begin_now(subject)
    assert await end(one) is not None
    (cancel,) = subject.on_end
    again = cancel.__self__  # type: ignore[attr-defined]
    assert again.is_waiting
    close(subject)
    assert not again.is_waiting


async def test_who_began_one_meanwhile_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_again, "_RETRY_S", 3600.0)
    subject, folder = performance(), tmp_path / "gone"
    recordings = PerformanceRecordings(recordings_in(folder, everything=True))
    assert await end(recordings.begin_now(subject)) is not None
    (cancel,) = subject.on_end
    folder.mkdir()
    own = await recordings.begin(subject, "0a0b0c0d")
    cancel.__self__._begin_late()  # type: ignore[attr-defined]
    assert recordings.get(subject) is own
    close(subject)
    assert await end(own) is None
    assert subject.on_end == set()


@pytest.mark.parametrize("what", ["begin", "stop", "aclose"])
async def test_nobody_waits_for_ever_for_a_disk_that_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    goes_on = Event()
    monkeypatch.setattr("server.recorder._WAIT_S", 0.01)
    opened = RecordingFile.open

    def open_late(file: RecordingFile) -> IO[bytes]:
        assert goes_on.wait(20)
        return opened(file)

    monkeypatch.setattr(RecordingFile, "open", open_late)
    subject, folder = performance(), recordings_in(tmp_path)
    recordings = PerformanceRecordings(folder)
    async with asyncio.timeout(20):
        if what == "begin":
            with pytest.raises(Problem, match="does not answer"):
                await recordings.begin(subject, None)
        else:
            recorder = recordings.begin_now(subject)
            await (recordings.stop(subject) if what == "stop" else folder.aclose())
            assert not recorder.ended.is_set()
    assert folder._metrics.recordings_stuck._value.get() == 1
    assert len(subject.broadcast._seats) == (what == "aclose")
    (recorder,) = folder._running.values()
    goes_on.set()
    await end(recorder)
    assert files(tmp_path) == []
