"""Finding the watermark in the mean of a video's frames.

How likely a picture without the mark is taken for one with it is known, whatever it shows: a
picture knows nothing of the mark's phases, so against its own they are evenly spread, and the sum
of their cosines is normal (N = thousands of waves). Tests and benchmarks hold it to that.
"""

import math

import numpy as np
from numpy.typing import NDArray

from model.frames.watermark import carriers, center_shift

# Pictures are looked at in this size, whatever theirs is.
SIDE_PX = 256
# Standard deviations above what unmarked pictures score on average. One unmarked picture in 50
# million scores so much: of videos that are looked at in a thousand pieces, one in 50 thousand.
THRESHOLD = 5.5

# Content is large and strong, the mark fine and weak: what is coarser goes, and what is left is
# brought to the same strength everywhere, so that a sharp edge counts no more than flat skin.
_FINE_PX = 1
_LEVEL_PX = 4
_QUIET = 0.1
_MOST = 1.0


class WatermarkDetector:
    """Takes the frames of one piece of video, then says how clearly they are marked."""

    def __init__(self) -> None:
        self.frames = 0
        self._sum = np.zeros((SIDE_PX, SIDE_PX), np.float64)

    def add(self, luma: NDArray[np.uint8]) -> None:
        """Take the brightness (SIDE_PX, SIDE_PX) of a whole frame, scaled to that size."""
        if luma.shape != self._sum.shape:
            raise ValueError(f"found a frame of {luma.shape}, expected {self._sum.shape}")
        self._sum += luma
        self.frames += 1

    def score(self) -> float:
        """Return how well the frames agree with the mark: 0 ± 1 without it; see THRESHOLD.

        Raises ValueError without frames.
        """
        if self.frames == 0:
            raise ValueError("found no frames, expected at least 1")
        return agreement(self._sum / self.frames)


def agreement(mean: NDArray[np.float64], phases: NDArray[np.float64] | None = None) -> float:
    """Return how well a picture (SIDE_PX, SIDE_PX) agrees with the mark, or with other phases."""
    waves = carriers()
    found = spectrum(mean)
    wanted = waves.phases if phases is None else phases
    return float(np.cos(np.angle(found) - wanted).sum() / math.sqrt(len(wanted) / 2))


def spectrum(mean: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the mark's waves (N,) as found in a picture (SIDE_PX, SIDE_PX)."""
    waves = carriers()
    fine = mean - _blur(mean, _FINE_PX)
    level = np.sqrt(_blur(fine * fine, _LEVEL_PX)) + _QUIET
    even = np.clip(fine / level, -_MOST, _MOST)
    all_waves = np.fft.fft2(even)[waves.down % SIDE_PX, waves.across % SIDE_PX]
    return np.asarray(all_waves * np.exp(-1j * center_shift(waves, SIDE_PX)), np.complex128)


def _blur(picture: NDArray[np.float64], radius_px: int) -> NDArray[np.float64]:
    """Mean over squares of 2 * radius_px + 1 pixels a side; the picture is mirrored at its edge."""
    width = 2 * radius_px + 1
    for _ in range(2):
        padded = np.pad(picture, ((radius_px + 1, radius_px), (0, 0)), "symmetric")
        total = padded.cumsum(axis=0)
        picture = ((total[width:] - total[:-width]) / width).T
    return picture
