"""How soft a portrait is: what is drawn into it must be as soft."""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

# Rec. 709.
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Detail over that of twice its size, in a face, by the deviation of the Gaussian that blurs it, in
# pixels: read off 31 portraits of all kinds that were blurred by so much, and saved as JPEG. At the
# picture's own size, at half, and at a quarter of it: in what is more blurred than a size can tell,
# its finest detail is noise of the codec.
_RATIOS = (0.33, 0.38, 0.45, 0.54, 0.65, 0.80), (0.395, 0.455, 0.51), (0.395, 0.43, 0.49, 0.54)
_DEVIATIONS_PX = (2.0, 1.4, 1.0, 0.7, 0.5, 0.0), (3.0, 2.0, 1.5), (8.0, 6.0, 4.0, 3.0)
MOST_SOFTNESS_PX = 8.0
"""More cannot be told apart, and landmarks are guesses: mouths were found tilted by 10 degrees."""
# In grey levels of 0..255.
_LEAST_DETAIL = 0.05


def measure_softness(image: NDArray[np.uint8], landmarks: Tensor) -> float:
    """Return by which Gaussian the face in a portrait looks blurred: deviation, 0..8 pixels.

    By its camera, a codec or enlargement, or as it was painted. image: (h, w, 3); landmarks:
    (478, 2) in its pixels.
    """
    left, top = landmarks.amin(dim=0).long().clamp(min=0).tolist()
    right, bottom = landmarks.amax(dim=0).ceil().long().tolist()
    luma = image[top:bottom, left:right].astype(np.float32) @ _LUMA
    softness_px = 0.0
    for size, (ratios, deviations_px) in enumerate(zip(_RATIOS, _DEVIATIONS_PX, strict=True)):
        ratio = _fineness(luma)
        # A smaller size tells only of what is soft there, too.
        if size == 0 or ratio < ratios[-1]:
            softness_px = float(np.interp(ratio, ratios, deviations_px))
        halved = cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        luma = np.asarray(halved, np.float32)
    return softness_px


def _fineness(luma: NDArray[np.float32]) -> float:
    """Return the contrast of the finest detail over that of detail of twice its size."""
    half, one, two = (cv2.GaussianBlur(luma, (0, 0), sigma) for sigma in (0.5, 1.0, 2.0))
    finest, finer = float(np.std(half - one)), float(np.std(one - two))
    # A face without any detail tells nothing: it may be a flat drawing, whose lines are sharp.
    return finest / finer if finer > _LEAST_DETAIL else 1.0
