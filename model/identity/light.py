"""The light a portrait was taken or painted in, read off the face."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.identity.topology import LOWER_INNER_LIP, LOWER_LIDS, UPPER_INNER_LIP, UPPER_LIDS

_CHEEKS = (50, 280, 205, 425, 101, 330, 36, 266)
_LIPS = (11, 12, 15, 16, 72, 302, 85, 315)
# Colour of well-lit skin over its mean: what a portrait's skin has beyond that is the light's.
_USUAL_SKIN = (1.16, 0.97, 0.87)
_BLUR = 0.03  # face widths
_LEAST_WHITE, _MOST_WHITE = 60.0, 235.0
# Cheeks and lips of less saturation than the first are of a picture without colours; from the
# second on it has its own. Of 129 portraits a marble bust has 0.09, all others 0.23 and more.
_GREY, _COLORED = 0.09, 0.18
_LUMA = (0.299, 0.587, 0.114)
# Teeth show where lips are this far apart, in face widths; they are pale, unlike gums and tongue.
_TEETH_GAP = 0.03
_PALE = 0.72


@dataclass(frozen=True)
class Light:
    """How bright something white would be (0..255) in the portrait, and of which tint (3,).

    color: 1 in colours, 0 in black and white.
    """

    white: float
    tint: Tensor
    color: float = 1.0

    def on(self, reflectance: tuple[float, float, float]) -> Tensor:
        """Return the colour (3,), 0..255, of what reflects so much of the light, 1 for white."""
        return in_picture(reflectance, self.color) * self.tint * self.white


def in_picture(reflectance: tuple[float, float, float], color: float) -> Tensor:
    """Return reflectance (3,) as a picture shows it that has colours (1), or none (0)."""
    own = torch.tensor(reflectance)
    return torch.lerp((own * torch.tensor(_LUMA)).sum().expand(3), own, color)


def measure_light(image: Tensor, landmarks: Tensor, scale: float) -> Light:
    """Read the light off a portrait (h, w, 3) with landmarks (478, 2); scale: pixels per face.

    Cheeks and the whites of the eyes tell it, and the portrait's own teeth where they show.
    """
    smooth = _blurred(image, max(round(_BLUR * scale), 1))
    cheeks = _colors(smooth, landmarks[list(_CHEEKS)])
    whites = _colors(image, _eye_whites(landmarks))
    skin_level = float(cheeks.mean(dim=1).quantile(0.85))
    eye_level = float(whites.mean(dim=1).quantile(0.9))
    white = 0.94 * max(skin_level, eye_level)
    tone = cheeks.mean(dim=0) / cheeks.mean().clamp(min=1)
    lips = _colors(smooth, landmarks[list(_LIPS)]).mean(dim=0)
    saturation = max(_saturation(tone), _saturation(lips))
    color = min(max((saturation - _GREY) / (_COLORED - _GREY), 0.0), 1.0)
    teeth = _teeth(image, landmarks, scale)
    # Without colours nothing tells teeth from gums and tongue.
    if len(teeth) > 0 and color == 1.0:
        white = float(teeth.mean(dim=1).quantile(0.8))
    tint = (0.5 + 0.5 * tone / torch.tensor(_USUAL_SKIN)).clamp(0.85, 1.15)
    # Skin that has no colour tells nothing of the light's.
    tint = torch.lerp(tone, tint, color)
    return Light(min(max(white, _LEAST_WHITE), _MOST_WHITE), tint, color)


def _saturation(color: Tensor) -> float:
    return float(1 - color.min() / color.max().clamp(min=1e-3))


def _blurred(image: Tensor, reach: int) -> Tensor:
    """Mean over squares of 2 * reach + 1 pixels: a brush stroke is no light."""
    planes = image.permute(2, 0, 1).float()
    mean = functional.avg_pool2d(planes, 2 * reach + 1, 1, reach, count_include_pad=False)
    return mean.permute(1, 2, 0)


def _colors(image: Tensor, points: Tensor) -> Tensor:
    place = points.round().long()
    height, width = image.shape[:2]
    return image[place[:, 1].clamp(0, height - 1), place[:, 0].clamp(0, width - 1)].float()


def _eye_whites(landmarks: Tensor) -> Tensor:
    corners = [(landmarks[upper[0]], landmarks[upper[-1]]) for upper in UPPER_LIDS]
    floor = [landmarks[list(lower)].mean(dim=0) for lower in LOWER_LIDS]
    sides = [
        torch.lerp(left, right, share)
        for left, right in corners
        for share in (0.18, 0.25, 0.75, 0.82)
    ]
    return torch.stack(sides + floor)


def _teeth(image: Tensor, landmarks: Tensor, scale: float) -> Tensor:
    """Colours (N, 3) of the teeth between open lips; empty where none show."""
    upper, lower = landmarks[list(UPPER_INNER_LIP[3:8])], landmarks[list(LOWER_INNER_LIP[3:8])]
    if float((lower - upper).norm(dim=1).mean()) < _TEETH_GAP * scale:
        return torch.zeros(0, 3)
    shares = (0.3, 0.4, 0.5, 0.6)
    colors = _colors(image, torch.cat([torch.lerp(upper, lower, share) for share in shares]))
    pale = colors.amin(dim=1) / colors.amax(dim=1).clamp(min=1) > _PALE
    cheeks = float(_colors(image, landmarks[list(_CHEEKS)]).mean())
    return colors[pale & (colors.mean(dim=1) > 0.6 * cheeks)]
