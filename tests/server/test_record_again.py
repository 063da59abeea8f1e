"""When the next recording begins, where everything is recorded."""

import asyncio
from http import HTTPStatus
from pathlib import Path

import pytest

from server import record_again
from server.problems import Problem
from server.record_again import RecordAgain
from tests.server.test_recordings import recordings_in

FULL = Problem(HTTPStatus.INSUFFICIENT_STORAGE, "disk-full", "full")
LONG = Problem(HTTPStatus.INSUFFICIENT_STORAGE, "recording-too-long", "long")


class Subject(RecordAgain):
    def __init__(self, folder: Path, *, everything: bool) -> None:
        self.begun = asyncio.Event()
        super().__init__(recordings_in(folder, everything=everything), self.begun.set)


@pytest.mark.parametrize(
    ("everything", "problem", "begins", "waits"),
    [
        (True, LONG, True, False),
        (True, FULL, False, True),
        (True, None, False, False),
        (False, LONG, False, False),
        (False, FULL, False, False),
    ],
)
async def test_at_once_or_later_or_never(
    tmp_path: Path, everything: bool, problem: Problem | None, begins: bool, waits: bool
) -> None:
    subject = Subject(tmp_path, everything=everything)
    subject.after(problem)
    assert (subject.begun.is_set(), subject.is_waiting) == (begins, waits)
    subject.cancel()
    assert not subject.is_waiting


async def test_after_a_disk_error_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_again, "_RETRY_S", 0.01)
    subject = Subject(tmp_path, everything=True)
    subject.after(FULL)
    assert not subject.begun.is_set()
    async with asyncio.timeout(20):
        await subject.begun.wait()
    assert not subject.is_waiting
