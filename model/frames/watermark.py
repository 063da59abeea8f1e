"""The watermark: a faint pattern in the brightness of a picture, which says that it is synthetic.

Spread spectrum (Cox et al., *Secure Spread Spectrum Watermarking for Multimedia*, 1997): a sum of
many cosines, each of a whole number of waves across the picture, whose phases are the mark. It is
fixed in the picture plane and the same in every frame: codecs keep what stands still, and the
content moves under it, so that a mean over frames shows the mark ever clearer. It is relative to
the picture's size, so that another size of the same picture bears the same mark.

It tells honest people what they look at. Its phases are no secret, so whoever wants to can remove
it, or put it elsewhere.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

# Waves across the picture. Below, codecs and the content leave little of it; above, a picture of
# a quarter of 512 pixels could not hold it.
MIN_WAVES = 16
MAX_WAVES = 64
_KEY = b"likeness watermark 1"

# Its strength: RMS in steps of brightness, of 219 from black to white. Flat skin and an even wall
# show the least noise, hair and paint hide the most (spatial masking). The slope is per step of
# the mean second difference over two pixels, which knows detail from shading.
_FAINTEST = 0.32
_STRONGEST = 1.5
_SLOPE = 0.15
_BLOCK_PX = 8
# Peaks of the pattern, in its RMS: rare, and the first to be seen.
_MOST = 3.0


@dataclass(frozen=True)
class Carriers:
    """The waves: ``across`` and ``down`` the picture (N,), ``phases`` (N,) in radians."""

    across: NDArray[np.int64]
    down: NDArray[np.int64]
    phases: NDArray[np.float64]


@cache
def carriers(key: bytes = _KEY) -> Carriers:
    """Return the waves of the mark that ``key`` makes; no other key's detector finds it."""
    down, across = np.mgrid[0 : MAX_WAVES + 1, -MAX_WAVES : MAX_WAVES + 1]
    waves = np.hypot(down, across)
    # Of a wave and its opposite, which is the same wave, one.
    kept = (waves >= MIN_WAVES) & (waves <= MAX_WAVES) & ((down > 0) | (across > 0))
    count = int(kept.sum())
    # A hash, not a generator: these numbers must be the same in every version, for ever.
    drawn = np.frombuffer(hashlib.shake_256(key).digest(2 * count), "<u2")
    return Carriers(across[kept], down[kept], drawn * (2 * np.pi / 2**16))


def center_shift(waves: Carriers, side_px: int) -> NDArray[np.float64]:
    """Phases (N,) from the picture's corner to the middle of its first of ``side_px`` pixels."""
    return np.asarray((waves.across + waves.down) * (np.pi / side_px), np.float64)


@cache
def pattern(size_px: int) -> NDArray[np.float32]:
    """Return the mark in a picture (size_px, size_px), about 1 RMS, at most 3."""
    waves = carriers()
    spectrum = np.zeros((size_px, size_px), np.complex128)
    spectrum[waves.down % size_px, waves.across % size_px] = np.exp(
        1j * (waves.phases + center_shift(waves, size_px))
    )
    mark = np.fft.ifft2(spectrum).real
    mark /= mark.std()
    fixed: NDArray[np.float32] = mark.clip(-_MOST, _MOST).astype(np.float32)
    fixed.setflags(write=False)  # shared by all calls
    return fixed


class Watermark:
    """The mark for the pictures of one video, (size_px, size_px), a multiple of 16.

    ``fit`` it to the first picture and, now and then, to a later one: that is 1 ms of work. To
    ``add`` it is next to nothing. Pictures are their brightness in video range, 16 to 235 (ITU-R
    BT.601), which leaves the room that the mark needs: nothing overflows.
    """

    def __init__(self, size_px: int) -> None:
        self._pattern = pattern(size_px)
        self._steps = _steps(self._pattern * np.float32(_FAINTEST))

    def fit(self, luma: NDArray[np.uint8]) -> None:
        """Make the mark as strong as the detail of this picture, not yet marked, can hide."""
        strength = _strength(luma).repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)
        self._steps = _steps(self._pattern * strength)

    def add(self, luma: NDArray[np.uint8]) -> None:
        """Mark a picture in place."""
        np.add(luma, self._steps, out=luma)


def _steps(mark: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round; steps below 0 are written so that adding them wraps around to the right value."""
    return np.rint(mark).astype(np.int8).view(np.uint8)


def _strength(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How strong the mark may be in each block of 8 pixels a side."""
    half = luma[::2, ::2].astype(np.int16)
    bends = np.zeros(half.shape, np.float32)
    bends[:, 1:-1] += np.abs(half[:, 2:] + half[:, :-2] - 2 * half[:, 1:-1])
    bends[1:-1] += np.abs(half[2:] + half[:-2] - 2 * half[1:-1])
    side, blocks = _BLOCK_PX // 2, len(half) // (_BLOCK_PX // 2)
    detail = bends.reshape(blocks, side, blocks, side).mean(axis=(1, 3)) / 2
    # A block beside a flat one, where an edge may end or a head may move, counts as flat.
    framed = np.pad(detail, 1, "edge")
    least = np.minimum.reduce(
        [detail, framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:]]
    )
    strength: NDArray[np.float32] = np.clip(_FAINTEST + _SLOPE * least, _FAINTEST, _STRONGEST)
    return strength
