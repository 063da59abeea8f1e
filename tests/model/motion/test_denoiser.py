"""EMO's speed layers."""

import torch

from model.motion.denoiser import SPEED_CENTERS, SPEED_RADII, speed_layers


def test_a_bucket_is_zero_at_its_center_and_saturates_a_radius_away() -> None:
    for i, (center, radius) in enumerate(zip(SPEED_CENTERS, SPEED_RADII, strict=True)):
        below, at, above = speed_layers(torch.tensor([center - radius, center, center + radius]))
        assert at[i].abs() < 1e-5
        assert below[i] < -0.99 < 0.99 < above[i]


def test_every_bucket_rises_with_speed() -> None:
    layers = speed_layers(torch.linspace(0, 1, 50))
    assert layers.shape == (50, len(SPEED_CENTERS))
    assert (layers.diff(dim=0) >= 0).all()
