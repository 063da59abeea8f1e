"""A small untrained motion model and a made-up motion space."""

import numpy as np
import pytest
import torch

from model.motion.denoiser import DenoiserConfig, MotionDenoiser
from model.motion.motion_model import MotionModel
from model.motion.space import MotionSpace


@pytest.fixture
def space() -> MotionSpace:
    """Three mouth and two brow coefficients over random landmarks."""
    rng = np.random.default_rng(0)
    return MotionSpace(
        template=rng.standard_normal((478, 3)).astype(np.float32),
        mouth_basis=torch.from_numpy(rng.standard_normal((3, 478, 3)).astype(np.float32)),
        brow_basis=torch.from_numpy(rng.standard_normal((2, 478, 3)).astype(np.float32)),
        scale=torch.arange(1.0, 11.0),
        neutral_gain=rng.standard_normal((5, 1434)).astype(np.float32),
    )


@pytest.fixture
def denoiser() -> MotionDenoiser:
    """A denoiser with random weights, so all inputs matter: mouth 3, brows 1, gaze 2, head 6."""
    torch.manual_seed(0)
    network = MotionDenoiser(DenoiserConfig(12, feature_dim=8, num_mouth=3, width=32, num_heads=2))
    for name, parameter in network.named_parameters():
        if "modulation" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.fixture
def motion_model(denoiser: MotionDenoiser) -> MotionModel:
    """The denoiser in its sliding window."""
    return MotionModel(denoiser)
