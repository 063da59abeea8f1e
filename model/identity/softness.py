"""How soft a portrait is: what is drawn into it must be as soft."""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

# Rec. 709.
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
# The finest detail over that of twice the size, in a face, by the deviation of the Gaussian that
# blurs it, in pixels: read off 30 portraits of all kinds that were blurred by so much. The ratio of
# none is that of the sharpest quarter of them.
_RATIOS = (0.33, 0.38, 0.45, 0.54, 0.65, 0.80)
_DEVIATIONS_PX = (2.0, 1.4, 1.0, 0.7, 0.5, 0.0)
# In grey levels of 0..255.
_LEAST_DETAIL = 0.05


def measure_softness(image: NDArray[np.uint8], landmarks: Tensor) -> float:
    """Return by which Gaussian the face in a portrait looks blurred: deviation, 0..2 pixels.

    By its camera, a codec or enlargement, or as it was painted. image: (h, w, 3); landmarks:
    (478, 2) in its pixels.
    """
    left, top = landmarks.amin(dim=0).long().clamp(min=0).tolist()
    right, bottom = landmarks.amax(dim=0).ceil().long().tolist()
    luma = image[top:bottom, left:right].astype(np.float32) @ _LUMA
    half, one, two = (cv2.GaussianBlur(luma, (0, 0), sigma) for sigma in (0.5, 1.0, 2.0))
    finest, finer = float(np.std(half - one)), float(np.std(one - two))
    # A face without any detail tells nothing: it may be a flat drawing, whose lines are sharp.
    ratio = finest / finer if finer > _LEAST_DETAIL else _RATIOS[-1]
    return float(np.interp(ratio, _RATIOS, _DEVIATIONS_PX))
