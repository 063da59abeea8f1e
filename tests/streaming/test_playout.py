import numpy as np
import pytest

from streaming import ClockConfig, DueFrame, SessionClock
from streaming.microphone import Microphone
from streaming.playout import Playout
from tests.streaming.world import noise

DELAY_S = 0.2


def playout(microphone: Microphone | None = None) -> Playout[str]:
    """A playout whose clock began at 0: frame k is due at 0.2 + 0.04 k."""
    clock = SessionClock(ClockConfig(), 0.0)
    return Playout(
        clock,
        microphone or Microphone(48_000),
        DELAY_S * 1000,
        max_behind_ms=200,
        max_frozen_ms=80,
    )


def counts(subject: Playout[str]) -> tuple[int, int, int, int]:
    return (
        subject.on_time_frames,
        subject.late_frames,
        subject.repeated_frames,
        subject.dropped_frames,
    )


def indices(frames: list[DueFrame[str]]) -> list[tuple[int, bool]]:
    return [(frame.index, frame.superseded) for frame in frames]


def test_a_frame_leaves_with_its_sound_and_not_before() -> None:
    subject = playout()
    subject.put(0, "a", 0.1)
    subject.put(1, "b", 0.1)
    early = subject.pop(0.199)
    assert (early.voice, early.frames) == ([], [])
    due = subject.pop(0.2)
    assert [chunk.pts for chunk in due.voice] == [0]
    assert due.frames == [DueFrame(0, 0, "a", superseded=False)]
    assert [chunk.pts for chunk in subject.pop(0.22).voice] == [960]
    due = subject.pop(subject.frame_due(1))
    assert [chunk.pts for chunk in due.voice] == [1920]
    assert due.frames == [DueFrame(1, 3600, "b", superseded=False)]
    assert counts(subject) == (2, 0, 0, 0)
    assert subject.av_skew_ms == 0


def test_next_due_is_exact_at_any_time_of_day() -> None:
    clock = SessionClock(ClockConfig(), 987_654.321)
    subject = Playout[str](clock, Microphone(48_000), 217.3, max_behind_ms=200, max_frozen_ms=80)
    for index in range(200):
        subject.put(index, "", 987_654.4)
    voice, frames = 0, 0
    for _ in range(400):
        now = subject.next_due()
        assert subject.pop(np.nextafter(now, 0.0)).voice == []
        due = subject.pop(now)
        voice += len(due.voice)
        frames += len(due.frames)
    assert (voice, frames) == (400, 200)


def test_the_voice_is_what_was_heard_and_silence_elsewhere() -> None:
    microphone = Microphone(48_000)
    pcm = noise(960)
    microphone.push(pcm[:, 0], 48_000, 960, 0)
    subject = playout(microphone)
    voice = subject.pop(0.2 + 0.045).voice
    assert [chunk.pts for chunk in voice] == [0, 960, 1920]
    np.testing.assert_array_equal(voice[1].pcm[:720], pcm[:720])
    # Nothing follows, and sound that is cut clicks.
    loud = np.abs(pcm[720:, 0]) > 1000
    np.testing.assert_allclose(
        voice[1].pcm[720:, 0][loud] / pcm[720:, 0][loud],
        np.linspace(1, 1 / 240, 240)[loud],
        atol=0.01,
    )
    assert not voice[0].pcm.any()
    assert not voice[2].pcm.any()


def test_a_late_frame_is_shown_at_once_while_its_slot_lasts() -> None:
    subject = playout()
    subject.pop(0.2)
    subject.put(0, "a", 0.23)
    assert subject.next_due() <= 0.23
    assert indices(subject.pop(0.23).frames) == [(0, False)]
    assert subject.av_skew_ms == pytest.approx(30)
    subject.put(1, "b", 0.235)
    subject.pop(subject.frame_due(1))
    assert counts(subject) == (1, 1, 0, 0)
    assert subject.av_skew_ms == 0


def test_a_slot_without_its_frame_is_a_repeat_and_the_frame_is_dropped() -> None:
    subject = playout()
    for now in (0.2, 0.22, 0.24, 0.26):
        subject.pop(now)
    assert counts(subject) == (0, 0, 1, 0)
    subject.put(0, "a", 0.26)
    assert subject.pop(0.26).frames == []
    subject.put(1, "b", 0.27)
    frames = subject.pop(0.27).frames
    assert indices(frames) == [(0, True), (1, False)]
    assert counts(subject) == (0, 1, 1, 1)
    # Both are stamped with the time of the second, which alone is seen.
    assert [frame.pts for frame in frames] == pytest.approx([0.07 * 90_000] * 2, abs=2)
    assert frames[0].pts < frames[1].pts


def test_a_late_frame_is_stamped_with_when_it_was_ready() -> None:
    subject = playout()
    subject.put(0, "a", 0.213)
    (late,) = subject.pop(0.215).frames
    assert late.pts == pytest.approx(0.013 * 90_000, abs=1)
    subject.put(1, "b", 0.22)
    (on_time,) = subject.pop(0.244).frames
    assert on_time.pts == 3600


def test_a_face_that_is_always_late_does_not_freeze() -> None:
    subject = playout()
    shown: list[DueFrame[str]] = []
    for index in range(50):
        now = subject.frame_due(index) + 0.1
        subject.put(index, "", now)
        shown += subject.pop(now).frames
    seen = [frame for frame in shown if not frame.superseded]
    assert [frame.index for frame in seen] == list(range(2, 50, 3))
    assert counts(subject)[1:] == (16, 35, 34)
    assert all(frame.pts == pytest.approx(3600 * frame.index + 9000, abs=1) for frame in seen)
    stamps = [frame.pts for frame in shown]
    assert stamps == sorted(set(stamps))


def test_of_late_frames_only_the_newest_is_shown() -> None:
    subject = playout()
    subject.put(0, "", 0.1)
    subject.pop(subject.frame_due(0))
    now = subject.frame_due(8)
    subject.put(4, "", now)
    subject.put(6, "", now)
    frames = subject.pop(now).frames
    assert indices(frames) == [(4, True), (6, False)]
    assert counts(subject) == (1, 1, 7, 1)


def test_a_frame_left_out_is_a_repeat() -> None:
    subject = playout()
    for index in range(0, 10, 2):
        subject.put(index, "", 0.1)
    for step in range(21):
        subject.pop(0.2 + step * 0.02)
    assert counts(subject) == (5, 0, 5, 0)


def test_every_slot_is_counted_once() -> None:
    rng = np.random.default_rng(3)
    subject = playout()
    ready = sorted((index * 0.04 + float(rng.uniform(0.1, 0.3)), index) for index in range(500))
    in_order, newest = [], -1
    for at, index in ready:
        if index > newest:
            in_order.append((at, index))
            newest = index
    for step in range(1050):
        now = 0.2 + step * 0.02
        while in_order and in_order[0][0] <= now:
            at, index = in_order.pop(0)
            subject.put(index, "", at)
        subject.pop(now)
    on_time, late, repeated, dropped = counts(subject)
    assert on_time + late + repeated == 524
    assert min(on_time, late, repeated, dropped) > 10


def test_a_short_stall_loses_no_voice() -> None:
    subject = playout()
    subject.pop(0.2)
    voice = subject.pop(0.2 + 0.19).voice
    assert [chunk.pts for chunk in voice] == [960 * n for n in range(1, 10)]
    assert subject.skipped_voice_samples == 0


def test_a_long_stall_is_not_followed_by_a_burst() -> None:
    subject = playout()
    for index in range(5):
        subject.put(index, "", 0.1)
    due = subject.pop(60.2 + 0.001)
    assert [chunk.pts for chunk in due.voice] == [60 * 48_000]
    assert subject.skipped_voice_samples == 60 * 48_000
    assert due.frames == []
    slot = subject.slot_at(60.2 + 0.001)
    subject.put(slot, "", 60.2 + 0.002)
    frames = subject.pop(60.2 + 0.002).frames
    assert indices(frames) == [*((index, True) for index in range(5)), (slot, False)]
    assert counts(subject) == (0, 1, 1500, 5)


def test_frames_must_come_in_order() -> None:
    subject = playout()
    subject.put(5, "", 0.1)
    with pytest.raises(ValueError, match="frame 4 came after frame 5"):
        subject.put(4, "", 0.1)
