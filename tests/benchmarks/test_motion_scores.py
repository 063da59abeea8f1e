"""What is counted of lips and eyes, and what chance has of it."""

import numpy as np

from benchmarks.quality.animate import as_tracked
from benchmarks.quality.clips import Clip
from benchmarks.quality.lips import score
from model.avatar import DEFAULT_WEIGHTS
from model.motion.space import MotionSpace

FRAMES = 100
OPEN, SHUT = 0.05, 0.0


def clip() -> Clip:
    silence = np.zeros(0, np.float32)
    return Clip("somebody.0", "web", "somebody", silence, silence, 0)


def test_a_mouth_that_never_opens_meets_no_more_than_chance() -> None:
    real = np.full(FRAMES, OPEN)
    real[::10] = SHUT
    never = score(clip(), real, np.full(FRAMES, SHUT))
    assert (never.closures_met, never.closures_nearly_met) == (1, 1)
    assert (never.closures_by_chance, never.closures_nearly_by_chance) == (1, 1)
    assert np.isnan(never.shift_frames)


def test_closures_beside_the_persons_are_nearly_met() -> None:
    real, made = np.full(FRAMES, OPEN), np.full(FRAMES, OPEN)
    real[10::10], made[11::10] = SHUT, SHUT
    late = score(clip(), real, made)
    assert (late.closures_met, late.closures_nearly_met) == (0, 1)
    assert late.shift_frames == 1
    assert late.closures_by_chance == 0.09
    assert late.closures_nearly_by_chance == 0.27


def test_a_jump_is_as_slow_as_the_tracker_makes_peoples() -> None:
    space = MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")
    motion = np.zeros((FRAMES, space.head.stop), np.float32)
    motion[50:] = 1
    tracked = as_tracked(motion, space)
    for part, steps in ((space.gaze, 3), (space.brows, 3), (space.head, 5)):
        assert (np.abs(np.diff(tracked[:, part], axis=0)) > 0).any(axis=1).sum() == steps
    for part in (space.mouth, space.lids):
        np.testing.assert_array_equal(tracked[:, part], motion[:, part])
