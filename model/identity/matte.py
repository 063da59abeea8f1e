"""How much of each pixel of the portrait is the person: a soft matte from a coarse mask.

Closed-form matting (Levin, Lischinski, Weiss 2008): in every small window the matte is a linear
function of colour. Its Laplacian is applied by window means (He, Sun, Tang 2010), and what the mask
is sure of is held. Solved at the mask's size, then carried to the portrait's by those linear
functions, so that edges are as fine as the portrait's own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_WINDOW_RADIUS = 1
# Colours 0..1: the variance that a window of one colour is taken to have.
_NOISE = 1e-5
_ITERATIONS = 25
_FOUND = 1e-20
_HOLD = 100.0
# Where colours do not tell, the mask is believed a little.
_BELIEF = 0.01
_DECISION = 4.0
# Of the mask, in its own pixels, around where it goes from sure to sure.
_SURE, _DOUBT_RADIUS = 0.9, 6
# Between landmarks.
_FACE_GAP = 5
# A matte this near to nothing or all is that: a haze shows over black, a hole over white.
_HAZE = 0.08
# What stands apart from the person where the matte is less than this is not the person.
_APART = 0.5


def person_matte(picture: Tensor, mask: Tensor, face: Tensor) -> Tensor:
    """Return the matte (h, w), 0..1, of a picture (h, w, 3) uint8.

    mask: (m, m) probability that a pixel is a person. face: (N, 2) pixels of the picture that are
    the one person; others, and what stands apart from that one, are not in the matte.
    """
    size = mask.shape[-1]
    color = picture.permute(2, 0, 1)[None].float() / 255
    small = functional.interpolate(color, (size, size), mode="bilinear", antialias=True)
    inside, outside = _sure(mask, _marked(face * (size / len(picture)), size))
    held = torch.where(inside | outside, torch.tensor(_HOLD), torch.tensor(_BELIEF))
    believed = ((mask - 0.5) * _DECISION + 0.5).clamp(0, 1)
    value = torch.where(inside, 1.0, torch.where(outside, 0.0, believed))
    windows = _Windows.over(small)
    matte = _solve(windows, held[None, None], value[None, None])
    one = _connected(matte[0, 0] > _APART, inside)
    matte = matte * (_grown(one.float(), 4) > 0)
    fine = windows.carry(matte, color)[0, 0]
    return ((fine - _HAZE) / (1 - 2 * _HAZE)).clamp(0, 1)


def _marked(points: Tensor, size: int) -> Tensor:
    """Where (size, size) points (N, 2) and their surroundings are."""
    marked = torch.zeros(size, size)
    column, row = points.round().long().clamp(0, size - 1).unbind(dim=1)
    marked[row, column] = 1
    closed = 1 - _grown(1 - _grown(marked, _FACE_GAP), _FACE_GAP + 1)
    return closed > 0


def _sure(mask: Tensor, face: Tensor) -> tuple[Tensor, Tensor]:
    """What is the person for sure, and what is not."""
    one = _connected((mask > 0.5) | face, face).float()
    doubtful = (mask > 1 - _SURE) & (mask < _SURE) & ~face
    near = _grown(doubtful.float(), 1) > 0
    inside = ((_grown(1 - one, _DOUBT_RADIUS) == 0) & ~near) | face
    reach = _grown(one, _DOUBT_RADIUS)
    return inside, reach == 0


def _connected(region: Tensor, seed: Tensor) -> Tensor:
    """What of a region (h, w) hangs together with the seed in it; a gap of one pixel does not part.

    At half the size: it walks.
    """
    small, one = (functional.max_pool2d(r[None, None].float(), 2) for r in (region, seed & region))
    while True:
        more = functional.max_pool2d(one, 3, 1, 1) * small
        if torch.equal(more, one):
            break
        one = more
    wide = functional.interpolate(one, region.shape, mode="nearest")[0, 0]
    return (wide > 0) & region


def _grown(region: Tensor, radius: int) -> Tensor:
    return functional.max_pool2d(region[None, None], 2 * radius + 1, 1, radius)[0, 0]


def _mean(values: Tensor) -> Tensor:
    return functional.avg_pool2d(
        values, 2 * _WINDOW_RADIUS + 1, 1, _WINDOW_RADIUS, count_include_pad=False
    )


def _share(values: Tensor) -> Tensor:
    """Sum over the windows that a pixel is in, by a full window's number of pixels."""
    return functional.avg_pool2d(values, 2 * _WINDOW_RADIUS + 1, 1, _WINDOW_RADIUS)


@dataclass(frozen=True)
class _Windows:
    """The windows around all pixels of `color` (1, 3, h, w).

    mean: (1, 3, h, w) of their colours. inverse: (3, 3, h, w) of the covariance of their colours.
    """

    color: Tensor
    mean: Tensor
    inverse: Tensor

    @classmethod
    def over(cls, color: Tensor) -> "_Windows":
        mean = _mean(color)
        products = (color[:, :, None] * color[:, None]).flatten(1, 2)
        own = (mean[:, :, None] * mean[:, None]).flatten(1, 2)
        covariance = (_mean(products) - own)[0].reshape(3, 3, *color.shape[-2:])
        inverse = torch.linalg.inv(covariance.permute(2, 3, 0, 1) + _NOISE * torch.eye(3))
        return cls(color, mean, inverse.permute(2, 3, 0, 1).contiguous())

    def fit(self, matte: Tensor) -> Tensor:
        """The linear function of colour (1, 4, h, w) that is nearest to the matte in each."""
        means = _mean(torch.cat([matte, matte * self.color], dim=1))
        covariance = means[:, 1:] - means[:, :1] * self.mean
        slope = (self.inverse * covariance).sum(dim=1)[None]
        return torch.cat([slope, means[:, :1] - (slope * self.mean).sum(dim=1, keepdim=True)], 1)

    def laplacian(self, matte: Tensor) -> Tensor:
        """How far the matte is from those functions: L a, by the size of a window."""
        function = _share(self.fit(matte))
        return _share(torch.ones_like(matte)) * matte - _apply(function, self.color)

    def carry(self, matte: Tensor, color: Tensor) -> Tensor:
        """The matte of the same picture at another size, (1, 3, h, w)."""
        function = _mean(self.fit(matte))
        wide = functional.interpolate(function, color.shape[-2:], mode="bilinear")
        return _apply(wide, color)


def _apply(function: Tensor, color: Tensor) -> Tensor:
    return (function[:, :3] * color).sum(dim=1, keepdim=True) + function[:, 3:]


def _solve(windows: _Windows, held: Tensor, value: Tensor) -> Tensor:
    """Minimise a'La + held (a - value)^2 by conjugate gradients, from `value`."""
    scale = 1 / (1 + held)
    matte = value
    missed = -windows.laplacian(value)
    step = scaled = scale * missed
    left = (missed * scaled).sum()
    for _ in range(_ITERATIONS):
        # All of it is known, or found: what is left is rounding.
        if float(left) < _FOUND:
            break
        change = windows.laplacian(step) + held * step
        length = left / (step * change).sum()
        matte = matte + length * step
        missed = missed - length * change
        scaled = scale * missed
        before, left = left, (missed * scaled).sum()
        step = scaled + left / before * step
    return matte.clamp(0, 1)
