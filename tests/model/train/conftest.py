"""A made-up motion space of the real one's size."""

import numpy as np
import pytest
import torch

from model.motion.space import MotionSpace


@pytest.fixture
def space() -> MotionSpace:
    rng = np.random.default_rng(0)
    return MotionSpace(
        template=rng.standard_normal((478, 3)).astype(np.float32),
        mouth_basis=torch.from_numpy(rng.standard_normal((20, 478, 3)).astype(np.float32)) * 0.01,
        brow_basis=torch.from_numpy(rng.standard_normal((4, 478, 3)).astype(np.float32)) * 0.01,
        scale=torch.ones(10),
        neutral_gain=np.zeros((24, 1434), np.float32),
    )
