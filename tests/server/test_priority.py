import logging
import os

import pytest

from server.priority import prefer


def test_it_is_asked_for_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr("os.setpriority", lambda *given: asked.append(given))
    with caplog.at_level(logging.INFO, "server.priority"):
        prefer(-7)
    assert asked == [(os.PRIO_PROCESS, 0, -7)]
    (record,) = caplog.records
    assert record.__dict__["nice"] == -7


def test_a_system_that_does_not_permit_it_is_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    before = os.getpriority(os.PRIO_PROCESS, 0)
    monkeypatch.setattr("os.setpriority", refuse)
    with caplog.at_level(logging.INFO, "server.priority"):
        prefer(-7)
    (record,) = caplog.records
    assert "does not permit" in record.message
    assert (record.__dict__["nice"], record.__dict__["wanted"]) == (before, -7)
