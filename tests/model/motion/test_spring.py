"""A spring follows smoothly, and arrives."""

import torch

from model.motion.spring import follow, initial_spring_state
from model.rates import FPS

STIFFNESS = 10.0


def test_it_arrives_without_overshoot() -> None:
    places = follow(initial_spring_state(6), torch.ones(3 * FPS, 6), STIFFNESS)
    assert places.diff(dim=0).min() >= 0
    assert places.max() <= 1
    torch.testing.assert_close(places[-1], torch.ones(6), atol=1e-3, rtol=0)


def test_it_is_half_way_after_the_time_of_a_damped_spring() -> None:
    places = follow(initial_spring_state(1), torch.ones(FPS, 1), STIFFNESS)[:, 0]
    # 1 - (1 + wt) exp(-wt) = 0.5 at wt = 1.678
    assert abs(int((places < 0.5).sum()) + 1 - 1.678 / STIFFNESS * FPS) <= 1


def test_trembling_is_damped_slow_turns_pass() -> None:
    t = torch.arange(20 * FPS) / FPS

    def gain(frequency_hz: float) -> float:
        wanted = torch.sin(2 * torch.pi * frequency_hz * t)[:, None]
        return float(follow(initial_spring_state(1), wanted, STIFFNESS)[5 * FPS :].abs().max())

    assert gain(0.3) > 0.9
    assert gain(6.25) < 0.1


def test_hops_are_as_good_as_one_piece() -> None:
    wanted = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
    state = initial_spring_state(6)
    pieces = [follow(state, hop, STIFFNESS) for hop in torch.split(wanted, 2)]
    torch.testing.assert_close(
        torch.cat(pieces), follow(initial_spring_state(6), wanted, STIFFNESS)
    )
