"""The critic that keeps teeth sharp: it tells painted mouths from real ones, patch by patch.

PatchGAN (Isola et al. 2017, arXiv:1611.07004) with spectral normalisation (Miyato et al. 2018,
arXiv:1802.05957), the hinge loss, and feature matching (Wang et al. 2018, arXiv:1711.11585).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

_WIDTHS = (48, 96, 144)


class FrameCritic(nn.Module):
    """Scores patches of a picture (n, 3, S, S), given its warp and the portrait's mouth."""

    def __init__(self) -> None:
        super().__init__()
        layers, before = [], 9
        for width in _WIDTHS:
            layers.append(spectral_norm(nn.Conv2d(before, width, 4, stride=2, padding=1)))
            before = width
        self.layers = nn.ModuleList(layers)
        self.score = spectral_norm(nn.Conv2d(before, 1, 3, padding=1))

    def forward(self, picture: Tensor, warp: Tensor, reference: Tensor) -> list[Tensor]:
        """Return the features of every layer, the scores (n, 1, S / 8, S / 8) last."""
        x = torch.cat([picture, warp, reference], dim=1)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return [*features, self.score(x)]


def critic_loss(real: list[Tensor], painted: list[Tensor]) -> Tensor:
    """Hinge loss of the critic."""
    return F.relu(1 - real[-1]).mean() + F.relu(1 + painted[-1]).mean()


def painter_losses(real: list[Tensor], painted: list[Tensor]) -> tuple[Tensor, Tensor]:
    """What the painter is to lower: the critic's doubt, and the distance of its features."""
    distances = [
        F.l1_loss(own, true.detach()) for own, true in zip(painted[:-1], real[:-1], strict=True)
    ]
    return -painted[-1].mean(), torch.stack(distances).mean()
