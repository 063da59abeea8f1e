"""The head follows smoothly, and arrives."""

import torch

from model.motion.head import FARTHEST, REACH, STIFFNESS, follow, initial_head_state, reach
from model.rates import FPS


def test_it_arrives_without_overshoot() -> None:
    places = follow(initial_head_state(6), torch.ones(3 * FPS, 6))
    assert places.diff(dim=0).min() >= 0
    assert places.max() <= 1
    torch.testing.assert_close(places[-1], torch.ones(6), atol=1e-3, rtol=0)


def test_it_is_half_way_after_the_time_of_a_damped_spring() -> None:
    places = follow(initial_head_state(1), torch.ones(FPS, 1))[:, 0]
    # 1 - (1 + wt) exp(-wt) = 0.5 at wt = 1.678
    assert abs(int((places < 0.5).sum()) + 1 - 1.678 / STIFFNESS * FPS) <= 1


def test_trembling_is_damped_slow_turns_pass() -> None:
    t = torch.arange(20 * FPS) / FPS

    def gain(frequency_hz: float) -> float:
        wanted = torch.sin(2 * torch.pi * frequency_hz * t)[:, None]
        return float(follow(initial_head_state(1), wanted)[5 * FPS :].abs().max())

    assert gain(0.3) > 0.9
    assert gain(6.25) < 0.1


def test_hops_are_as_good_as_one_piece() -> None:
    wanted = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
    state = initial_head_state(6)
    pieces = [follow(state, hop) for hop in torch.split(wanted, 2)]
    torch.testing.assert_close(torch.cat(pieces), follow(initial_head_state(6), wanted))


def test_a_livelier_head_reaches_farther_and_none_too_far() -> None:
    wanted = torch.linspace(-9, 9, 42).reshape(1, 7, 6).expand(3, -1, -1)
    ahead = torch.zeros(3, 7, 6)
    still, lively, liveliest = reach(wanted, ahead, torch.tensor([0.0, 0.2, 0.4])).abs()
    assert (lively > still).all()
    assert (liveliest > lively).all()
    assert liveliest.max() < FARTHEST
    turned = 0.5 * torch.ones(3, 7, 6)
    to_posture = reach(0 * wanted, turned, torch.tensor([0.0, 0.2, 0.4]))
    assert not to_posture[0].any()
    torch.testing.assert_close(to_posture[2, 0], 0.2 * torch.ones(6), atol=1e-3, rtol=0)
    assert reach(wanted, 99 * turned, torch.tensor([0.0, 0.2, 0.4])).abs().max() <= FARTHEST
    small = reach(0.1 * torch.ones(1, 1, 6), ahead[:1, :1], torch.tensor([0.4]))
    farther = 0.1 * (1 + 0.4 * REACH)
    torch.testing.assert_close(small, farther * torch.ones(1, 1, 6), atol=2e-3, rtol=0)
