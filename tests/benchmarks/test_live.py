"""What is read from a call: an end that froze, words that never came, questions left open."""

import numpy as np
import pytest

from benchmarks import live
from benchmarks.live import Answer, LiveCall, NoAnswerError, answer
from benchmarks.live_frames import frames
from benchmarks.live_latency import latency
from benchmarks.live_memory import memory
from benchmarks.live_skew import skew
from benchmarks.record import Figure
from tests.browser.lip_sync import Burst, Words
from tests.browser.recording import CROP_SHAPE, Recording, Sound

NOTHING = Sound(np.zeros(0), np.zeros(0))
STATS = {
    "type": "stats",
    **dict.fromkeys(("repeated_frames", "late_frames", "dropped_frames"), 0),
    "compute_ms": 20.0,
    "num_steps": 2,
    "playout_delay_ms": 200,
    "av_skew_ms": 0.0,
}


def call(*, seconds: float = 10.0, shown_s: float = 10.0, words: Words) -> LiveCall:
    times = np.arange(0, 1000 * shown_s, 40.0)
    mouths = np.zeros((len(times), *CROP_SHAPE), np.uint8)
    count = np.arange(len(times), dtype=float)
    recording = Recording(NOTHING, NOTHING, times, count, mouths, (STATS, STATS), ())
    return LiveCall(seconds, recording, words, (100.0,))


NO_WORDS = Words((), 3)


def test_a_picture_that_freezes_before_the_end_counts() -> None:
    whole, frozen = (
        frames(call(shown_s=shown_s, words=NO_WORDS)).figures[0].samples for shown_s in (10.0, 5.0)
    )
    assert whole == pytest.approx([25.0] * 9)
    assert frozen[:4] == pytest.approx([25.0] * 4)
    assert frozen[5:] == pytest.approx([0.0] * 4)


def test_words_that_did_not_come_are_told_and_kept() -> None:
    words = Words((Burst(1000, 1350, 1360),), 3)
    for ask in (latency, skew):
        found = ask(call(words=words))
        figure = next(own for own in found.figures if own.name.startswith("words whose sound"))
        assert list(figure.samples) == [3]
        assert any("of 4 words, the sound of 3 came" in own for own in found.conclusions)


def test_what_a_call_does_not_tell_is_said() -> None:
    with pytest.raises(NoAnswerError, match="of 3 words, the sound of 3"):
        latency(call(words=NO_WORDS))
    with pytest.raises(NoAnswerError, match="0 pictures"):
        frames(call(shown_s=0.0, words=NO_WORDS))


def test_one_question_without_an_answer_does_not_lose_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[str] = []
    monkeypatch.setattr(live, "hold_call", lambda _: call(words=NO_WORDS))
    monkeypatch.setattr(live, "measure_baseline", lambda: Figure("baseline", "ms", (1.0,)))
    monkeypatch.setattr(live, "report", lambda question, *_, **__: kept.append(question))
    monkeypatch.setattr("sys.argv", ["live_call"])

    def unknown(_: LiveCall) -> Answer:
        raise NoAnswerError("who knows")

    with pytest.raises(SystemExit, match="unknown: no answer: who knows"):
        answer(unknown, memory, default_seconds=10)
    assert len(kept) == 1
