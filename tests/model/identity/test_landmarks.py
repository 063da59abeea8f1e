"""The networks' crops are the same, whatever is left out to be fast."""

import math

import numpy as np
import pytest
from PIL import Image

from model.identity.landmarks import Roi, _crop

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (701, 503, 3), dtype=np.uint8))


@pytest.mark.parametrize("side", [50, 130, 300, 900])
@pytest.mark.parametrize("center", [(250, 350), (-40, 690), (503, 0), (900, -900)])
@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_a_crop_of_a_part_is_that_of_the_whole(
    side: float, center: tuple[float, float], angle: float
) -> None:
    factor = max(1, int(side / 64))
    cos, sin = (f(angle) * side / 64 / factor for f in (math.cos, math.sin))
    x, y = center[0] / factor - 32 * (cos - sin), center[1] / factor - 32 * (sin + cos)
    expected = PICTURE.reduce(factor).transform(
        (64, 64),
        Image.Transform.AFFINE,
        (cos, -sin, x, sin, cos, y),
        Image.Resampling.BILINEAR,
    )
    np.testing.assert_array_equal(_crop(PICTURE, Roi(*center, side, angle), 64), expected)
