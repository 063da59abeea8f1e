"""The frame denoiser: a small U-Net that repaints the mouth over its warp.

EMO's anatomy (Tian et al. 2024, arXiv:2402.17485) at a CPU's size: a backbone that takes noise off
a picture, features of the portrait at every level (EMO's ReferenceNet), and its own previous
frames (EMO's motion frames) as a condition. It works in pixel-unshuffled space (Shi et al. 2016,
arXiv:1609.05158), where a convolution is cheapest per pixel; attention only at the lowest
resolution. A code tells it what is between the lips (`mouth_code.py`). What it says is a change of
the warp, and where to rub out its detail first (the mask of GANimation, Pumarola et al. 2018,
arXiv:1807.09251); both are zero before training.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.frames.mouth_code import PLACE_PX, MouthCode

_GROUPS = 8
# A picture's change is small beside the picture: noise of its own size, in units of -1..1.
NOISE_SCALE = 0.3
# Wider than a tooth in the crop.
_DETAIL_PX = 12
# Channels of the coarse picture that is made of a code.
_LAYOUT_CHANNELS = 12


@dataclass(frozen=True)
class FrameDenoiserConfig:
    """Sizes of the network.

    crop_px: side of the square crop. shuffle: pixels per side that become channels.
    num_motion_frames: own previous pictures that it sees. widths: channels at the two levels.
    code_size: numbers that say what is between the lips.
    """

    crop_px: int = 96
    shuffle: int = 4
    num_motion_frames: int = 2
    widths: tuple[int, int] = (64, 96)
    num_heads: int = 4
    code_size: int = 32

    def __post_init__(self) -> None:
        step = math.lcm(2 * self.shuffle, PLACE_PX, _DETAIL_PX)
        if self.crop_px % step:
            raise ValueError(f"crop_px is {self.crop_px}, expected a multiple of {step}")


@dataclass(frozen=True)
class ReferenceFeatures:
    """The portrait's mouth at both levels: `fine` (1, W0, s, s), `coarse` (1, W1, s/2, s/2)."""

    fine: Tensor
    coarse: Tensor


class ResidualBlock(nn.Module):
    """Two convolutions, the second modulated by the noise level's embedding."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.modulation = nn.Linear(embedding, width)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(n, W, h, w), embedding (n, E)."""
        inner = self.first(F.silu(self.norm(x)))
        inner = inner * (1 + self.modulation(embedding)[:, :, None, None])
        out: Tensor = x + self.second(F.silu(inner))
        return out


class ReferenceAttention(nn.Module):
    """Every place of the picture attends to every place of the portrait's mouth and of itself."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.GroupNorm(_GROUPS, width)
        self.query = nn.Conv2d(width, width, 1)
        self.key_value = nn.Conv2d(width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        """X (n, W, h, w), reference (1 or n, W, h, w)."""
        frames, width, height, columns = x.shape
        normed = self.norm(x)
        memory = torch.cat([self.norm(reference.expand(frames, -1, -1, -1)), normed], dim=2)

        def heads(part: Tensor) -> Tensor:
            return part.reshape(frames, self.num_heads, width // self.num_heads, -1).mT

        key, value = self.key_value(memory).chunk(2, dim=1)
        mixed = F.scaled_dot_product_attention(heads(self.query(normed)), heads(key), heads(value))
        picture = mixed.mT.reshape(frames, width, height, columns)
        out: Tensor = x + self.out(picture)
        return out


class ReferenceNet(nn.Module):
    """Features of the portrait's mouth; runs once per session."""

    def __init__(self, config: FrameDenoiserConfig) -> None:
        super().__init__()
        fine, coarse = config.widths
        self.shuffle = config.shuffle
        self.stem = nn.Conv2d(3 * config.shuffle**2, fine, 3, padding=1)
        self.fine = nn.Sequential(nn.SiLU(), nn.Conv2d(fine, fine, 3, padding=1))
        self.down = nn.Conv2d(fine, coarse, 4, stride=2, padding=1)
        self.coarse = nn.Sequential(nn.SiLU(), nn.Conv2d(coarse, coarse, 3, padding=1))

    def forward(self, reference: Tensor) -> ReferenceFeatures:
        """Reference (n, 3, crop_px, crop_px) in -1..1."""
        x = self.stem(F.pixel_unshuffle(reference, self.shuffle))
        fine = x + self.fine(x)
        x = self.down(fine)
        return ReferenceFeatures(fine, x + self.coarse(x))


class FrameDenoiser(nn.Module):
    """Estimates the true mouth from a noisy one, its warp, its past and the portrait."""

    def __init__(self, config: FrameDenoiserConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse = config.widths
        self.reference_net = ReferenceNet(config)
        channels = 3 * (2 + config.num_motion_frames) + 1
        self.stem = nn.Conv2d(channels * config.shuffle**2, fine, 3, padding=1)
        self.level = nn.Sequential(nn.Linear(2, coarse), nn.SiLU(), nn.Linear(coarse, coarse))
        self.fine_reference = nn.Conv2d(fine, fine, 1)
        self.coarse_reference = nn.Conv2d(coarse, coarse, 1)
        self.mouth_code = MouthCode(config.crop_px, config.code_size)
        self.layout_px = config.crop_px // config.shuffle // 2
        self.layout = nn.Linear(config.code_size, _LAYOUT_CHANNELS * self.layout_px**2)
        self.fine_layout = nn.Conv2d(_LAYOUT_CHANNELS, fine, 3, padding=1)
        self.coarse_layout = nn.Conv2d(_LAYOUT_CHANNELS, coarse, 3, padding=1)
        self.enter = ResidualBlock(fine, coarse)
        self.down = nn.Conv2d(fine, coarse, 4, stride=2, padding=1)
        self.middle = ResidualBlock(coarse, coarse)
        self.attention = ReferenceAttention(coarse, config.num_heads)
        self.deep = ResidualBlock(coarse, coarse)
        self.up = nn.Conv2d(coarse, 4 * fine, 1)
        self.leave = nn.ModuleList(ResidualBlock(fine, coarse) for _ in range(2))
        self.out = nn.Conv2d(fine, 4 * config.shuffle**2, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        noisy: Tensor,
        sigma: Tensor,
        warp: Tensor,
        locator: Tensor,
        motion_frames: Tensor,
        reference: ReferenceFeatures,
        code: Tensor,
    ) -> Tensor:
        """Return the `denoised` change of the warp (n, 3, S, S); pictures are in -1..1.

        noisy: (n, 3, S, S) = (1 - sigma) * change + sigma * NOISE_SCALE * noise; sigma: (n,) 0..1.
        warp: (n, 3, S, S). locator: (n, 1, S, S) 0..1, the change is nothing where it is 0.
        motion_frames: (n, 3 * num_motion_frames, S, S) the last pictures, newest last, zeros at
        the start. code: (n, code_size) of `mouth_code`.
        """
        pictures = torch.cat([noisy, warp, motion_frames, locator], dim=1)
        x = self.stem(F.pixel_unshuffle(pictures, self.config.shuffle))
        level = self.level(torch.stack([sigma, sigma**2], dim=1).to(x.dtype))
        layout = self.layout(code.to(x.dtype))
        layout = layout.reshape(-1, _LAYOUT_CHANNELS, self.layout_px, self.layout_px)
        x = x + self.fine_layout(F.interpolate(layout, scale_factor=2.0, mode="bilinear"))
        fine = self.enter(x + self.fine_reference(reference.fine), level)
        x = self.down(fine) + self.coarse_reference(reference.coarse) + self.coarse_layout(layout)
        x = self.deep(self.attention(self.middle(x, level), reference.coarse), level)
        x = fine + F.pixel_shuffle(self.up(x), 2)
        for block in self.leave:
            x = block(x, level)
        out = F.pixel_shuffle(self.out(F.silu(x)), self.config.shuffle)
        # Drawn teeth that the true mouth does not have cannot be cancelled line by line.
        return locator * (out[:, :3] + out[:, 3:] * (without_detail(warp) - warp))


def without_detail(picture: Tensor) -> Tensor:
    """Blur (n, 3, S, S) so far that neither teeth nor the edges of lips are left."""
    coarse = F.avg_pool2d(picture, _DETAIL_PX)
    return F.interpolate(coarse, scale_factor=_DETAIL_PX, mode="bilinear")
