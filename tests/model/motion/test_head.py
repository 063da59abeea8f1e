"""The head reaches as far as its speed asks, within bounds."""

import torch

from model.motion.head import FARTHEST, REACH, reach


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
