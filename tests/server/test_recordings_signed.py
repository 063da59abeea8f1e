"""Recordings have content credentials once they have ended, whatever comes between."""

import asyncio
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server import credentials
from server import signing as own_identity
from server.config import TrustConfig
from server.mp4_boxes import boxes
from server.sdp import VideoCodec
from server.signing_job import SigningJob, locked, part_of
from tests.conftest import ROOT
from tests.server.issuing import issue
from tests.server.media import Source, decoded, stamps
from tests.server.signed_recordings import (
    MARKED,
    aged,
    left_over,
    recorded,
    signed,
    signing,
    unsigned,
)
from tests.server.test_recordings import H264, end, feed, files


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


async def test_one_that_is_signed_is_not_signed_again(tmp_path: Path) -> None:
    recordings = signing(tmp_path)
    recorder = await recorded(recordings)
    entry = await signed(recordings, recorder.id)
    await recordings.sign_left_overs()
    assert not recordings.get(recorder.id).is_signing
    job = SigningJob(entry.path, MARKED, lambda *_: pytest.fail("it is signed"))
    assert not await asyncio.to_thread(job.run)


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
