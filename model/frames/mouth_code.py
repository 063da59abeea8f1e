"""What a mouth shows that its lips do not tell: where teeth, tongue and dark are.

One lip shape goes with many insides, and a network that has to name one of them paints their grey
mean. So the painter is told which, by a code: that of a conditional variational autoencoder with a
learned prior (Sohn et al. 2015, "Learning Structured Output Representation using Deep Conditional
Generative Models"). In training the code is read from the true mouth. In use it is read from the
drawn one, which has its teeth and tongue in the right places and only does not look real.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_WIDTHS = (48, 64, 64)
_GROUPS = 8
_SHUFFLE = 4
# Pixels of the picture to one place of the last layer.
PLACE_PX = 4 * _SHUFFLE
_LOG_VARIANCE = (-8.0, 2.0)


@dataclass(frozen=True)
class DiagonalGaussian:
    """A normal distribution over codes: `mean` and `log_variance`, both (n, code_size)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Return the codes (n, code_size) that standard normal noise (n, code_size) stands for."""
        return self.mean + (self.log_variance / 2).exp() * noise

    def kl(self, prior: "DiagonalGaussian") -> Tensor:
        """Kullback-Leibler divergence from `prior`, nats, (n,)."""
        ratio = (self.log_variance - prior.log_variance).exp()
        away = (self.mean - prior.mean) ** 2 / prior.log_variance.exp()
        terms = ratio + away - 1 - self.log_variance + prior.log_variance
        return terms.sum(dim=1) / 2


class CodeEncoder(nn.Module):
    """Pictures of one mouth to a distribution over its code."""

    def __init__(self, channels: int, crop_px: int, code_size: int) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.stem = nn.Conv2d(channels * _SHUFFLE**2, first, 3, padding=1)
        self.down = nn.Conv2d(first, second, 4, stride=2, padding=1)
        self.deep = nn.Conv2d(second, third, 4, stride=2, padding=1)
        self.norms = nn.ModuleList(nn.GroupNorm(_GROUPS, width) for width in _WIDTHS)
        # Not pooled: a code tells places.
        self.out = nn.Linear(third * (crop_px // PLACE_PX) ** 2, 2 * code_size)

    def forward(self, pictures: Tensor) -> DiagonalGaussian:
        """(n, channels, S, S), S a multiple of PLACE_PX."""
        x = F.pixel_unshuffle(pictures, _SHUFFLE)
        for layer, norm in zip((self.stem, self.down, self.deep), self.norms, strict=True):
            x = F.silu(norm(layer(x)))
        mean, log_variance = self.out(x.flatten(1)).float().chunk(2, dim=1)
        # Held in its range in a way that lets the gradient through, or it would never come back.
        held = log_variance + (log_variance.clamp(*_LOG_VARIANCE) - log_variance).detach()
        return DiagonalGaussian(mean, held)


class MouthCode(nn.Module):
    """The code of a mouth: what to expect of it, and what it is."""

    def __init__(self, crop_px: int, code_size: int) -> None:
        super().__init__()
        self.prior_net = CodeEncoder(7, crop_px, code_size)
        self.posterior_net = CodeEncoder(10, crop_px, code_size)

    def prior(self, warp: Tensor, locator: Tensor, reference: Tensor) -> DiagonalGaussian:
        """Of a warp (n, 3, S, S), its locator (n, 1, S, S), the portrait's mouth (n, 3, S, S).

        Only training needs it: by the divergence from it a code tells no more than it has to.
        """
        gaussian: DiagonalGaussian = self.prior_net(torch.cat([warp, locator, reference], dim=1))
        return gaussian

    def posterior(
        self, mouth: Tensor, warp: Tensor, locator: Tensor, reference: Tensor
    ) -> DiagonalGaussian:
        """Of a mouth (n, 3, S, S), true or drawn, and what `prior` knows."""
        pictures = torch.cat([mouth, warp, locator, reference], dim=1)
        gaussian: DiagonalGaussian = self.posterior_net(pictures)
        return gaussian
