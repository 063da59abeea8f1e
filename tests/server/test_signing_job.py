"""One recording is signed by a process of its own, and what comes between harms nothing."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from server import sign_recording
from server.signing_job import SigningError, SigningJob, locked, part_of
from tests.conftest import ROOT
from tests.server.signed_recordings import MARKED, left_over, signing
from tests.server.test_recordings import files


async def test_a_signing_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    media = await left_over(tmp_path)
    content = media.read_bytes()
    job = SigningJob(media, MARKED, lambda *_: pytest.fail("it was killed"))
    job.kill()
    with pytest.raises(SigningError, match="stops"):
        await asyncio.to_thread(job.run)
    job = SigningJob(media, MARKED, lambda *_: pytest.fail("it was killed"))
    running = asyncio.create_task(asyncio.to_thread(job.run))
    async with asyncio.timeout(20):
        while job._process is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
    job.kill()
    with pytest.raises(SigningError, match="ended with -9"):
        await running
    assert media.read_bytes() == content
    assert not part_of(media).exists()


async def test_the_process_that_signs_holds_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[tuple[int, ...]] = []

    class Process(subprocess.Popen[str]):
        def __init__(self, *arguments: object, pass_fds: tuple[int, ...], **more: object) -> None:
            passed.append(pass_fds)
            super().__init__(*arguments, pass_fds=pass_fds, **more)  # type: ignore[call-overload]

    monkeypatch.setattr("server.signing_job.subprocess.Popen", Process)
    media = await left_over(tmp_path)
    handles: list[int | None] = []

    def put_in_place(made: Path, _: Path) -> None:
        with locked(media) as handle:
            handles.append(handle)
        made.unlink()

    assert await asyncio.to_thread(SigningJob(media, MARKED, put_in_place).run)
    assert handles == [None]
    assert len(passed) == 1
    assert len(passed[0]) == 1


async def test_one_that_is_deleted_while_it_is_signed_does_not_come_back(tmp_path: Path) -> None:
    recordings = signing(tmp_path)
    media = await left_over(tmp_path)
    entry = recordings.get(media.stem)

    def put_in_place(made: Path, media: Path) -> None:
        recordings.delete(entry)
        recordings._room.put_in_place(made, media)

    assert not await asyncio.to_thread(SigningJob(media, MARKED, put_in_place).run)
    assert files(tmp_path) == []
    # Nor is anything to be done for one that was deleted before its turn.
    assert not await asyncio.to_thread(SigningJob(media, MARKED, put_in_place).run)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\x0cftypiso5\0\0\0\x08moov"])
async def test_a_file_without_media_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    media = await left_over(tmp_path)
    media.write_bytes(content)
    job = SigningJob(media, MARKED, lambda *_: pytest.fail("there is nothing to sign"))
    assert not await asyncio.to_thread(job.run)
    assert media.read_bytes() == content


async def test_it_is_safe_from_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media, made = await left_over(tmp_path), tmp_path / "signed.mp4"
    synced: list[int] = []
    monkeypatch.setattr(
        "os.fsync", lambda _: synced.append(made.stat().st_size if made.exists() else 0)
    )
    assert sign_recording.main(media, made, MARKED) == 0
    assert synced[-1] == made.stat().st_size > media.stat().st_size


def test_it_gives_way_before_it_does_anything(tmp_path: Path) -> None:
    """Its imports alone would take a quarter of a second from live calls."""
    program = """
import os, runpy, sys
os.setpriority = lambda *own: print(own, [name for name in sys.modules if name[:7] == "server."])
runpy.run_module("server.sign_recording", run_name="__main__")
"""
    command = [sys.executable, "-c", program, str(tmp_path / "none.mp4"), str(tmp_path / "made")]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.wait(60) == 1
        assert process.stdout is not None
        assert process.stdout.read() == "(0, 0, 19) []\n"


async def test_its_process_ends_with_the_server(tmp_path: Path) -> None:
    media, made = await left_over(tmp_path), tmp_path / "signed.mp4"
    command = [sys.executable, "-m", "server.sign_recording", str(media), str(made)]
    for stdin in (subprocess.DEVNULL, subprocess.PIPE):
        process = await asyncio.create_subprocess_exec(*command, stdin=stdin, cwd=ROOT)
        async with asyncio.timeout(60):
            assert await process.wait() == (1 if stdin == subprocess.DEVNULL else 0)


async def test_its_process_tells_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign_recording.main(tmp_path / "none.mp4", tmp_path / "made.mp4", MARKED) == 1
    assert "No such file" in capsys.readouterr().err
