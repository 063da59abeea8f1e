import pytest

from streaming import WindowPlan


def test_a_hop_yields_frames_that_lie_the_lookahead_before_its_sound() -> None:
    plan = WindowPlan(hop_frames=2, lookahead_frames=2)
    assert plan.start(3) == 3 * 2 * 1920
    assert plan.hop_samples == 3840
    assert plan.frames(0) == range(-2, 0)
    assert plan.frames(3) == range(4, 6)


def test_the_model_hears_ahead_of_its_frames_as_much_as_its_lips_are_late() -> None:
    late = WindowPlan(hop_frames=2, lookahead_frames=2, lead_samples=480)
    assert late.start(0) == 480
    assert late.start(3) == 3 * 2 * 1920 + 480
    assert late.frames(3) == range(4, 6)


@pytest.mark.parametrize(("hop_frames", "lookahead_frames"), [(1, 0), (2, 2), (3, 4), (5, 1)])
def test_every_frame_comes_from_exactly_one_hop(hop_frames: int, lookahead_frames: int) -> None:
    plan = WindowPlan(hop_frames, lookahead_frames)
    frames = [frame for hop in range(20) for frame in plan.frames(hop)]
    assert frames == list(range(-lookahead_frames, 20 * hop_frames - lookahead_frames))
    assert all(frame in plan.frames(plan.hop_of_frame(frame)) for frame in frames)


@pytest.mark.parametrize(("sizes"), [(0, 2, 0), (2, -1, 0), (2, 2, -1)])
def test_a_plan_that_yields_nothing_is_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        WindowPlan(*sizes)
