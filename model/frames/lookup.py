"""Looking up a picture's pixels at places between them."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray


def look_up(
    texture: NDArray[np.uint8],
    places: NDArray[np.float32],
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Texture (·, ·, C) at places (2, h, w), x and y in its samples: (h, w, C), in `out` if given.

    Bilinear, in steps of a 32nd of a sample; beyond its rim the texture is seen as in a mirror.
    """
    x, y = places
    found = cv2.remap(texture, x, y, cv2.INTER_LINEAR, out, borderMode=cv2.BORDER_REFLECT_101)
    return cast(NDArray[np.uint8], found)
