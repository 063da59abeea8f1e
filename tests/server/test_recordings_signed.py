"""Recordings have content credentials once they have ended, whatever comes between."""

import asyncio
import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from server import credentials, recordings_signer, sign_recording
from server import signing as own_identity
from server.config import Config, TrustConfig, VideoConfig
from server.metrics import Metrics
from server.mp4_boxes import boxes
from server.outgoing_config import RecordingConfig
from server.recorder import Recorder
from server.recordings import Entry, Recordings
from server.sdp import VideoCodec
from server.signing_job import SigningError, SigningJob, locked, part_of
from tests.conftest import ROOT
from tests.server.fakes import SIZE_PX
from tests.server.issuing import issue
from tests.server.media import Source, decoded, stamps
from tests.server.test_recordings import H264, end, feed, files

MARKED = TrustConfig()


def signing(folder: Path, trust: TrustConfig = MARKED) -> Recordings:
    video, recording = VideoConfig(size_px=SIZE_PX), RecordingConfig(folder=folder)
    return Recordings(Config(video=video, recording=recording, trust=trust), Metrics())


async def recorded(recordings: Recordings, codec: VideoCodec = H264, frames: int = 30) -> Recorder:
    recorder = recordings.begin(codec, "call", "somebody", None)
    feed(recorder, Source(codec), frames)
    recorder.stop()
    assert await end(recorder) is None
    return recorder


async def signed(recordings: Recordings, recording_id: str) -> Entry:
    """Wait until it is not to be signed any more; return what it is then."""
    async with asyncio.timeout(60):
        while (entry := recordings.get(recording_id)).is_signing:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return entry


def unsigned(recordings: Recordings, reason: str) -> float | None:
    return recordings._metrics.registry.get_sample_value(
        "likeness_recordings_unsigned_total", {"reason": reason}
    )


async def left_over(folder: Path) -> Path:
    """A recording as a server leaves it that does not sign."""
    recorder = await recorded(signing(folder, TrustConfig(credentials=False)))
    return aged(folder / f"{recorder.id}.mp4")


def aged(media: Path) -> Path:
    """Nobody has written to it for a while."""
    an_hour_ago = time.time() - 3600
    os.utime(media, (an_hour_ago, an_hour_ago))
    return media


async def test_what_has_ended_is_signed_and_is_the_same_film(tmp_path: Path) -> None:
    plain = await left_over(tmp_path)
    recordings = signing(tmp_path)
    recorder = await recorded(recordings)
    before = recordings.get(recorder.id)
    assert (before.is_running, before.is_signing, before.has_credentials) == (False, True, False)
    entry = await signed(recordings, recorder.id)
    assert (entry.is_signing, entry.has_credentials) == (False, True)
    said = credentials.read(entry.path)
    assert said is not None
    assert (said.valid, said.made_by_ai, said.own) == (True, True, True)
    assert decoded(entry.path) == decoded(plain)
    with entry.path.open("rb") as file:
        assert b"mfra" not in [box.kind for box in boxes(file)]
    for kind in ("video", "audio"):
        assert stamps(entry.path, kind) == stamps(plain, kind)
    assert entry.path.stat().st_mode & 0o777 == 0o600
    assert [path.suffix for path in files(tmp_path, f"*{recorder.id}*")] in (
        [".mp4", ".json"], [".json", ".mp4"]
    )  # fmt: skip
    # What the credentials take is counted.
    media = files(tmp_path, "*.mp4")
    assert recordings._room.used == sum(path.stat().st_size for path in media)
    assert unsigned(recordings, "failed") == 0


async def test_one_that_runs_is_not_signed(tmp_path: Path) -> None:
    recordings = signing(tmp_path)
    recorder = recordings.begin(H264, "call", "somebody", None)
    feed(recorder, Source(H264), 60)
    await recorder.opened.wait()
    await recordings.sign_left_overs()
    await signed(recordings, recorder.id)
    assert not recordings.get(recorder.id).has_credentials
    recorder.stop()
    await end(recorder)
    entry = await signed(recordings, recorder.id)
    assert entry.has_credentials
    assert decoded(entry.path)[0] == 60


async def test_webm_has_no_place_for_credentials_and_is_counted(tmp_path: Path) -> None:
    recordings = signing(tmp_path)
    recorder = await recorded(recordings, VideoCodec.VP8)
    entry = recordings.get(recorder.id)
    assert (entry.is_signing, entry.has_credentials) == (False, False)
    assert (unsigned(recordings, "webm"), unsigned(recordings, "failed")) == (1, 0)
    await recordings.sign_left_overs()
    assert unsigned(recordings, "webm") == 1


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_where_credentials_are_off_nothing_is_signed(
    tmp_path: Path, codec: VideoCodec
) -> None:
    recordings = signing(tmp_path, TrustConfig(credentials=False))
    recorder = await recorded(recordings, codec)
    await recordings.sign_left_overs()
    entry = recordings.get(recorder.id)
    assert (entry.is_signing, entry.has_credentials) == (False, False)
    assert (unsigned(recordings, "webm"), unsigned(recordings, "failed")) == (0, 0)


def record_and_kill(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.server.recording_child", str(folder), "H264"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        next(line for line in child.stdout if int(line) >= 3000)
        child.kill()


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_where_nothing_was_recorded_nothing_is_signed(
    tmp_path: Path, codec: VideoCodec, caplog: pytest.LogCaptureFixture
) -> None:
    recordings = signing(tmp_path)
    recorder = recordings.begin(codec, "call", "somebody", None)
    recorder.stop()
    assert await end(recorder) is None
    assert files(tmp_path) == []
    assert recordings._signer._task is None
    assert (unsigned(recordings, "webm"), unsigned(recordings, "failed")) == (0, 0)
    # Nor where it could not even be begun.
    gone = signing(tmp_path / "gone")
    assert await end(gone.begin(codec, "call", "somebody", None)) is not None
    assert gone._signer._task is None
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("half_bytes", [0, 200])
async def test_what_a_kill_has_cut_off_is_signed_at_the_next_start(
    tmp_path: Path, half_bytes: int
) -> None:
    await asyncio.to_thread(record_and_kill, tmp_path)
    (media,) = files(tmp_path, "*.mp4")
    pictures, _ = decoded(media)
    if half_bytes:
        with media.open("ab") as file:
            file.write(b"\0\0\4\0moof" + bytes(half_bytes))
    aged(media)
    recordings = signing(tmp_path)
    assert not recordings.get(media.stem).has_credentials
    await recordings.sign_left_overs()
    assert recordings.get(media.stem).is_signing
    entry = await signed(recordings, media.stem)
    said = credentials.read(entry.path)
    assert said is not None
    assert said.valid
    assert pictures - 13 <= decoded(entry.path)[0] <= pictures


async def test_one_that_cannot_be_signed_stays_and_is_told_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # For servers of the web: C2PA does not take it.
    issued = issue(tmp_path)
    recordings = signing(tmp_path, TrustConfig(certificate=issued.path, key=issued.key_path))
    recorder = await recorded(recordings)
    content = recordings.get(recorder.id).path.read_bytes()
    entry = await signed(recordings, recorder.id)
    assert (entry.is_signing, entry.has_credentials) == (False, False)
    assert entry.path.read_bytes() == content
    assert not part_of(entry.path).exists()
    assert unsigned(recordings, "failed") == 1
    assert "a recording is not signed: trust.certificate" in caplog.text
    # Once it can be, it is.
    aged(entry.path)
    anew = signing(tmp_path)
    await anew.sign_left_overs()
    assert (await signed(anew, recorder.id)).has_credentials


async def test_a_given_certificate_signs(tmp_path: Path) -> None:
    made = own_identity.own(tmp_path / "signing.pem", datetime.now(UTC))
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.chain)
    key.write_bytes(made.key)
    recordings = signing(tmp_path, TrustConfig(certificate=certificate, key=key))
    recorder = await recorded(recordings)
    said = credentials.read((await signed(recordings, recorder.id)).path)
    assert said is not None
    # Valid, but not this installation's own: that was not used.
    assert (said.valid, said.own) == (True, False)


async def test_a_signing_thatis_killed_loses_nothing(tmp_path: Path) -> None:
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


async def test_what_a_killed_server_had_begun_to_make_goes_at_the_next_start(
    tmp_path: Path,
) -> None:
    media = await left_over(tmp_path)
    gone = media.with_name(f"20260101T000000Z-{'0' * 16}.mp4")
    others = tmp_path / ".mine.mp4.signing"
    for path in (part_of(media), part_of(gone), others):
        path.write_bytes(b"half")
    recordings = signing(tmp_path, TrustConfig(credentials=False))
    with locked(media):  # another server signs it
        await recordings.sign_left_overs()
        assert part_of(media).exists()
    assert not part_of(gone).exists()
    await recordings.sign_left_overs()
    assert not part_of(media).exists()
    assert others.exists()


async def test_what_another_server_writes_is_left_alone(tmp_path: Path) -> None:
    media = await left_over(tmp_path)
    with media.open("ab") as file:
        file.write(b"\0\0\4\0moof")
    aged(media)
    content = media.read_bytes()
    recordings = signing(tmp_path)
    with locked(media):
        await recordings.sign_left_overs()
        assert not (await signed(recordings, media.stem)).has_credentials
        assert media.read_bytes() == content
    assert unsigned(recordings, "failed") == 0


async def test_a_recorder_holds_the_lock_until_its_end(tmp_path: Path) -> None:
    recordings = signing(tmp_path, TrustConfig(credentials=False))
    recorder = recordings.begin(H264, "call", "somebody", None)
    feed(recorder, Source(H264), 30)
    await recorder.opened.wait()
    with locked(recordings.get(recorder.id).path) as handle:
        assert handle is None
    recorder.stop()
    await end(recorder)
    with locked(recordings.get(recorder.id).path) as handle:
        assert handle is not None


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


async def test_one_that_is_signed_is_not_signed_again(tmp_path: Path) -> None:
    recordings = signing(tmp_path)
    recorder = await recorded(recordings)
    entry = await signed(recordings, recorder.id)
    await recordings.sign_left_overs()
    assert not recordings.get(recorder.id).is_signing
    job = SigningJob(entry.path, MARKED, lambda *_: pytest.fail("it is signed"))
    assert not await asyncio.to_thread(job.run)


async def test_a_server_that_stops_signs_what_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = signing(tmp_path)
    recorder = recordings.begin(H264, "call", "somebody", None)
    feed(recorder, Source(H264), 30)
    monkeypatch.setattr(recordings_signer, "_CLOSE_S", 60.0)  # this machine may be a slow one
    await recordings.aclose()
    assert recordings.get(recorder.id).has_credentials


class SlowJob(SigningJob):
    """Signs nothing until it is killed, or ``gate`` opens."""

    gate = Event()
    begun: list[str] = []  # noqa: RUF012 - reset by each test

    def run(self) -> bool:
        self.begun.append(self._media.name)
        assert self.gate.wait(20)
        if self.is_killed:
            raise SigningError("killed")
        return True

    def kill(self) -> None:
        super().kill()
        self.gate.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[SlowJob]:
    return slow_down(monkeypatch)


def slow_down(monkeypatch: pytest.MonkeyPatch) -> type[SlowJob]:
    """Let all signers wait for the gate of what is returned."""
    SlowJob.gate.clear()
    SlowJob.begun.clear()
    monkeypatch.setattr(recordings_signer, "SigningJob", SlowJob)
    return SlowJob


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


async def test_a_folder_that_cannot_be_looked_into_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await signing(tmp_path / "gone").sign_left_overs()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

    def closed(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    await signing(tmp_path).sign_left_overs()
    assert "cannot look for recordings that are not signed" in caplog.text
