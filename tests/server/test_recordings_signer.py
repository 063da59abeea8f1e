"""Which recording is signed when, and what is left as the server stops."""

import asyncio
from pathlib import Path

import pytest

from server import recordings_signer
from tests.server.media import Source
from tests.server.signed_recordings import SlowJob, recorded, signing, slow_down, unsigned
from tests.server.test_recordings import H264, feed


async def test_a_server_that_stops_signs_what_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = signing(tmp_path)
    recorder = recordings.begin(H264, "call", "somebody", None)
    feed(recorder, Source(H264), 30)
    monkeypatch.setattr(recordings_signer, "_CLOSE_S", 60.0)  # this machine may be a slow one
    await recordings.aclose()
    assert recordings.get(recorder.id).has_credentials


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[SlowJob]:
    return slow_down(monkeypatch)


async def test_a_server_that_stops_does_not_wait_for_ever(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    slow: type[SlowJob],
) -> None:
    monkeypatch.setattr(recordings_signer, "_CLOSE_S", 0.1)
    recordings = signing(tmp_path)
    for _ in range(2):
        await recorded(recordings)
    async with asyncio.timeout(10):
        await recordings.aclose()
    assert slow.gate.is_set(), "its process would work on"
    assert len(slow.begun) == 1
    assert "recordings are not signed yet" in caplog.text
    assert unsigned(recordings, "failed") == 0
    assert recordings._signer._task is not None
    assert recordings._signer._task.cancelled()


async def test_a_server_that_stops_leaves_the_left_overs(
    tmp_path: Path, slow: type[SlowJob]
) -> None:
    """Even one that is at work: the time that is left is for those that have just ended."""
    recordings = signing(tmp_path)
    signer = recordings._signer
    for name in ("one.mp4", "two.mp4"):
        signer.sign(tmp_path / name, is_left_over=True)
    await asyncio.sleep(0.05)
    signer.sign(tmp_path / "three.mp4")
    async with asyncio.timeout(4):
        await signer.aclose()
    assert slow.begun == ["one.mp4", "three.mp4"]
    assert not signer.is_waiting(tmp_path / "three.mp4")
    assert unsigned(recordings, "failed") == 0


async def test_those_that_have_just_ended_are_signed_before_left_overs(
    tmp_path: Path, slow: type[SlowJob]
) -> None:
    signer = signing(tmp_path)._signer
    for name in ("one.mp4", "two.mp4"):
        signer.sign(tmp_path / name, is_left_over=True)
    await asyncio.sleep(0.05)
    signer.sign(tmp_path / "three.mp4")
    assert signer.is_waiting(tmp_path / "two.mp4")
    async with asyncio.timeout(5):
        await signer.wait(tmp_path / "two.mp4", 60)  # nobody knows when it is its turn
    slow.gate.set()
    assert signer._task is not None
    await asyncio.wait([signer._task], timeout=20)
    assert slow.begun == ["one.mp4", "three.mp4", "two.mp4"]
    assert not signer.is_waiting(tmp_path / "two.mp4")


async def test_it_is_waited_for_no_longer_than_that(tmp_path: Path, slow: type[SlowJob]) -> None:
    signer = signing(tmp_path)._signer
    signer.sign(tmp_path / "one.mp4")
    async with asyncio.timeout(5):
        await signer.wait(tmp_path / "one.mp4", 0.05)
        await signer.wait(tmp_path / "another.mp4", 60)
    slow.gate.set()
    await signer.aclose()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyError("a bug")])
async def test_one_failure_does_not_end_it(
    tmp_path: Path, slow: type[SlowJob], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: SlowJob) -> bool:
        raise error

    recordings = signing(tmp_path)
    with monkeypatch.context() as failing:
        failing.setattr(slow, "run", fail)
        for name in ("one.mp4", "two.mp4", "three.mp4"):
            recordings._signer.sign(tmp_path / name)
            # At once as another ends, or while one waits: each has its turn.
            if name != "two.mp4":
                await recordings._signer.wait(tmp_path / name, 20)
    assert unsigned(recordings, "failed") == 3
