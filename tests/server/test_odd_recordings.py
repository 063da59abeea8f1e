"""Recordings that cannot be read, or that somebody else still writes, beside those that can."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from server import mp4_boxes
from server.config import TrustConfig
from server.signing_job import part_of
from tests.server.media import Source
from tests.server.signed_recordings import aged, left_over, signed, signing, unsigned
from tests.server.test_recordings import H264, end, feed

ODD = f"20260101T000000Z-{'0' * 16}"


def unreadable(monkeypatch: pytest.MonkeyPatch, *closed: Path) -> None:
    """Let ``closed`` be as another user's: these tests may run as root."""
    opened = Path.open

    def refuse(path: Path, mode: str = "r", **more: Any) -> object:
        if path in closed:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, **more)

    monkeypatch.setattr(Path, "open", refuse)


@pytest.mark.parametrize("kind", ["folder", "another user's", "deleted"])
async def test_one_odd_file_hides_no_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    media, odd = await left_over(tmp_path), tmp_path / f"{ODD}.mp4"
    if kind == "folder":
        odd.mkdir()
    elif kind == "another user's":
        odd.write_bytes(b"")
        unreadable(monkeypatch, odd)
    else:
        odd.symlink_to("gone")  # it is listed, and cannot be opened
    recordings = signing(tmp_path)
    await recordings.sign_left_overs()
    assert (await signed(recordings, media.stem)).has_credentials
    assert unsigned(recordings, "failed") == (0 if kind == "deleted" else 1)
    assert ("a recording is not signed" in caplog.text) == (kind != "deleted")


async def test_one_odd_file_hides_no_remainder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    media, odd = await left_over(tmp_path), tmp_path / f"{ODD}.mp4"
    odd.write_bytes(b"")
    part_of(media).write_bytes(b"half")
    part_of(odd).write_bytes(b"half")
    unreadable(monkeypatch, odd)
    recordings = signing(tmp_path, TrustConfig(credentials=False))
    await recordings.sign_left_overs()
    assert not part_of(media).exists()
    assert part_of(odd).exists()
    assert "cannot be removed" in caplog.text
    assert unsigned(recordings, "failed") == 0  # nothing is to be signed


async def test_what_cannot_be_read_is_listed_as_far_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole, secret = await left_over(tmp_path), await left_over(tmp_path)
    odd = tmp_path / f"{ODD}.mp4"
    odd.write_bytes(b"")
    odd.with_suffix(".json").mkdir()
    unreadable(monkeypatch, secret)
    recordings = signing(tmp_path)
    found = recordings.list()
    assert sorted(entry.path for entry in found) == sorted([whole, secret])
    assert not any(entry.has_credentials for entry in found)
    assert "a recording cannot be read" in caplog.text
    assert "a recording's description cannot be read" in caplog.text


async def test_one_that_runs_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where locks are mandatory (CIFS) it cannot be."""
    recordings = signing(tmp_path, TrustConfig(credentials=False))
    recorder = recordings.begin(H264, "call", "somebody", None)
    feed(recorder, Source(H264), 30)
    await recorder.opened.wait()
    with monkeypatch.context() as watched:
        watched.setattr(mp4_boxes, "has_credentials", lambda path: pytest.fail(str(path)))
        assert recordings.get(recorder.id).is_running
        assert not recordings.get(recorder.id).has_credentials
    recorder.stop()
    await end(recorder)


async def test_what_was_written_to_just_now_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of before the lock may be writing it."""
    old, ended, grows = [await left_over(tmp_path) for _ in range(3)]
    for media in (ended, grows):
        media.touch()
    content = grows.read_bytes()
    recordings = signing(tmp_path)
    pauses: list[float] = []
    may_go_on = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await may_go_on.wait()

    with monkeypatch.context() as waiting:
        waiting.setattr("server.recordings.asyncio.sleep", sleep)
        looking = asyncio.create_task(recordings.sign_left_overs())
        async with asyncio.timeout(20):
            while not pauses:
                await asyncio.wait([looking], timeout=0.01)
        assert [recordings.get(media.stem).is_signing for media in (ended, grows)] == [False] * 2
        aged(ended)
        may_go_on.set()
        await looking
    assert pauses == [60]
    for media in (old, ended):
        assert (await signed(recordings, media.stem)).has_credentials
    assert grows.read_bytes() == content
    assert not recordings.get(grows.stem).is_signing
