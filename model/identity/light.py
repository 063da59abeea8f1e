"""The light a portrait was taken or painted in, read off the face."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model.identity.topology import LOWER_INNER_LIP, LOWER_LIDS, SKIN, UPPER_INNER_LIP, UPPER_LIDS

_CHEEKS = (50, 280, 205, 425, 101, 330, 36, 266)
# Colour of well-lit skin over its mean: what a portrait's skin has beyond that is the light's.
_USUAL_SKIN = (1.16, 0.97, 0.87)
_BLUR = 0.03  # face widths
_LEAST_WHITE, _MOST_WHITE = 60.0, 235.0
# How far chroma spreads (0..255) among a face's pixels of the same brightness: in grey and in toned
# pictures, sepia for one, brightness tells it. Below the first a picture has no colours; from the
# second on it has its own. Of 129 portraits a marble bust has 2.2 and a sepia print 1.8, all others
# 3.4 and more; toned and coded by JPEG, 125 of them have at most 2.6.
_GREY, _COLORED = 2.4, 2.8
_LEVELS = 32  # of brightness
_DIM = 100.0  # mean brightness of a face below which its colours spread less, too
_LUMA, _RED, _BLUE = (0.299, 0.587, 0.114), 0.713, 0.564
# So much of what skin has beyond the usual is the light's: the rest may be the skin's own. From
# half of the usual on no skin is that far.
_SHARE, _OWN, _NO_SKIN = 0.5, 0.25, 0.5
_LEAST_TINT, _MOST_TINT = 0.3, 1.7
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
    spread = _chroma_spread(image, landmarks)
    color = min(max((spread - _GREY) / (_COLORED - _GREY), 0.0), 1.0)
    teeth = _teeth(image, landmarks, scale)
    # Without colours nothing tells teeth from gums and tongue.
    if len(teeth) > 0 and color == 1.0:
        white = float(teeth.mean(dim=1).quantile(0.8))
    # A picture without colours has one tone for all, teeth and skin.
    tint = torch.lerp(tone, _tint(tone), color)
    return Light(min(max(white, _LEAST_WHITE), _MOST_WHITE), tint, color)


def _chroma_spread(image: Tensor, landmarks: Tensor) -> float:
    """Root mean square distance of a face's chroma from the mean of its level of brightness."""
    skin = landmarks[list(SKIN)]
    low = skin.amin(dim=0).floor().long().clamp(min=0).tolist()
    high = skin.amax(dim=0).ceil().long().tolist()
    face = image[low[1] : high[1], low[0] : high[0]].reshape(-1, 3).float()
    luma = face @ torch.tensor(_LUMA)
    chroma = (face[:, ::2] - luma[:, None]) * torch.tensor([_RED, _BLUE])
    level = (luma * (_LEVELS / 256)).long()
    count = torch.bincount(level, minlength=_LEVELS).clamp(min=1)
    mean = torch.zeros(_LEVELS, 2).index_add_(0, level, chroma) / count[:, None]
    spread = float((chroma - mean[level]).square().sum(dim=1).mean().sqrt())
    return spread * max(_DIM / max(float(luma.mean()), 1.0), 1.0)


def _tint(tone: Tensor) -> Tensor:
    """Say the light's colour (3,) by the skin's tone in it."""
    beyond = tone / torch.tensor(_USUAL_SKIN) - 1
    far = (float(beyond.abs().max()) - _OWN) / (_NO_SKIN - _OWN)
    share = _SHARE + (1 - _SHARE) * min(max(far, 0.0), 1.0)
    return (1 + share * beyond).clamp(_LEAST_TINT, _MOST_TINT)


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
