"""The critic that keeps teeth sharp: it tells painted mouths from real ones, patch by patch.

PatchGAN (Isola et al. 2017, arXiv:1611.07004) with spectral normalisation (Miyato et al. 2018,
arXiv:1802.05957) in all layers but the last, the hinge loss, and feature matching (Wang et al.
2018, arXiv:1711.11585).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

_WIDTHS = (48, 96, 144)
# What is smooth shrinks in layers that have spectral norm 1: without a gain a critic hears nothing.
_GAIN = 2.0
_EPS = 1e-6


class FrameCritic(nn.Module):
    """Scores patches of a picture (n, 3, S, S), given its warp and the portrait's mouth."""

    def __init__(self) -> None:
        super().__init__()
        layers, before = [], 9
        for width in _WIDTHS:
            layers.append(spectral_norm(nn.Conv2d(before, width, 4, stride=2, padding=1)))
            before = width
        self.layers = nn.ModuleList(layers)
        self.score = nn.Conv2d(before, 1, 3, padding=1)

    def forward(self, picture: Tensor, warp: Tensor, reference: Tensor) -> list[Tensor]:
        """Return the features of every layer, the scores (n, 1, S / 8, S / 8) last."""
        x = torch.cat([picture, warp, reference], dim=1)
        features = []
        for layer in self.layers:
            x = _GAIN * F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return [*features, self.score(x)]


def critic_loss(real: list[Tensor], painted: list[Tensor], locator: Tensor) -> Tensor:
    """Hinge loss of the critic, where the locator (n, 1, S, S) lets anything be painted."""
    return _mean(F.relu(1 - real[-1]) + F.relu(1 + painted[-1]), locator)


def painter_losses(
    real: list[Tensor], painted: list[Tensor], locator: Tensor, paired: Tensor
) -> tuple[Tensor, Tensor]:
    """What the painter is to lower: the critic's doubt, and how far its features are, relatively.

    paired: (n,) bool, where the real picture is the one that should have been painted.
    """
    place = locator[paired]
    distances = []
    for own, true in zip(painted[:-1], real[:-1], strict=True):
        size = _mean(true[paired].detach().abs(), place)
        away = _mean((own[paired] - true[paired].detach()).abs(), place)
        distances.append(away / size.clamp(min=_EPS))
    return -_mean(painted[-1], locator), torch.stack(distances).mean()


def _mean(values: Tensor, locator: Tensor) -> Tensor:
    """Mean of values (n, C, h, w), each weighted as the locator there; 0 where it is nowhere."""
    height, width = values.shape[-2:]
    weight = F.adaptive_avg_pool2d(locator, (height, width)).expand_as(values)
    return (values.float() * weight).sum() / weight.sum().clamp(min=_EPS)
