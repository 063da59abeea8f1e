from threading import Event

import pytest

from server.admission import Admission
from server.problems import Problem


def test_as_many_as_fit_and_again_when_one_has_left() -> None:
    admission = Admission(2, retry_after_s=9, has_failed=lambda: False)
    admission.enter()
    admission.enter()
    with pytest.raises(Problem, match="all 2 places are taken") as caught:
        admission.enter()
    assert caught.value.status == 503
    assert caught.value.headers == {"Retry-After": "9"}
    admission.leave()
    admission.enter()
    assert admission.sessions == 2


def test_nobody_before_it_is_known_how_many_fit() -> None:
    admission = Admission(None, retry_after_s=9, has_failed=lambda: False)
    with pytest.raises(Problem, match="still starting") as caught:
        admission.enter()
    assert caught.value.headers == {"Retry-After": "9"}
    assert admission.sessions == 0


def test_who_has_not_entered_cannot_leave() -> None:
    with pytest.raises(RuntimeError, match="had not entered"):
        Admission(1, retry_after_s=1, has_failed=lambda: False).leave()


def test_nobody_once_nothing_can_be_computed() -> None:
    failed = Event()
    admission = Admission(2, retry_after_s=9, has_failed=failed.is_set)
    admission.enter()
    failed.set()
    assert not admission.is_open
    with pytest.raises(Problem, match="restart the server") as caught:
        admission.enter()
    assert caught.value.code == "inference-died"
    assert admission.sessions == 1
