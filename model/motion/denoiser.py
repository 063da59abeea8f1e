"""The motion denoiser: a small transformer that takes noise off the next frames of motion.

EMO's anatomy (Tian et al. 2024, arXiv:2402.17485) in a motion space: prior *motion frames* and
audio features are memory that the noisy new frames attend to; head speed enters as EMO's speed
layers. The memory does not depend on the noise level, so it is computed once for all denoising
steps of a hop. The sound says where lips are: a regression hears it, and no noise is put on it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.motion.mouth_regressor import MouthRegressor


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes of the network and the window it works on.

    motion_dim, feature_dim: length of a motion vector and of an audio feature vector.
    num_mouth: how many of a motion vector's numbers are the mouth's; they come first.
    hop_frames: frames denoised together. num_motion_frames: prior frames given as condition.
    num_audio_frames: audio feature frames seen, the last one belonging to the last new frame.
    """

    motion_dim: int
    feature_dim: int
    num_mouth: int
    hop_frames: int = 2
    num_motion_frames: int = 10
    num_audio_frames: int = 8
    width: int = 192
    num_heads: int = 4
    memory_layers: int = 1
    decoder_layers: int = 3

    def __post_init__(self) -> None:
        if self.num_audio_frames < self.hop_frames:
            raise ValueError(
                f"num_audio_frames is {self.num_audio_frames}, expected at least hop_frames="
                f"{self.hop_frames}: every new frame needs its audio"
            )
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} is no multiple of num_heads {self.num_heads}")


# Head speeds in radians a second: centres and radii of the speed layers.
SPEED_CENTERS = (0.0, 0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.48, 0.7)
SPEED_RADII = (0.03, 0.03, 0.04, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3)


def speed_layers(speed: Tensor) -> Tensor:
    """Head speed (B,) in rad/s to bucket activations (B, 9): s_i = tanh(3 (w - c_i) / r_i).

    EMO section 3.2, "speed layers".
    """
    centers, radii = speed.new_tensor(SPEED_CENTERS), speed.new_tensor(SPEED_RADII)
    return torch.tanh(3 * (speed[:, None] - centers) / radii)


class Attention(nn.Module):
    """Multi-head attention of queries (B, L, W) over a memory (B, S, W)."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """Attend; (B, L, W)."""
        batch, length, width = x.shape
        query = self.query(x).view(batch, length, self.num_heads, -1).transpose(1, 2)
        key_value = self.key_value(memory).view(batch, memory.shape[1], 2, self.num_heads, -1)
        key, value = key_value.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class MemoryLayer(nn.Module):
    """A pre-norm transformer layer over motion frames and audio."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.num_heads)
        self.feed_forward = _feed_forward(config.width)

    def forward(self, memory: Tensor) -> Tensor:
        """(B, S, W) to (B, S, W)."""
        normed = self.norm(memory)
        memory = memory + self.attention(normed, normed)
        out: Tensor = memory + self.feed_forward(memory)
        return out


class DecoderLayer(nn.Module):
    """New frames attend to each other and to the memory, modulated by noise level and speed."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width, elementwise_affine=False)
        self.modulation = nn.Linear(config.width, 2 * config.width)
        self.attention = Attention(config.width, config.num_heads)
        self.feed_forward = _feed_forward(config.width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, memory: Tensor, condition: Tensor) -> Tensor:
        """Attend and feed forward: x (B, L, W), memory (B, S, W), condition (B, W)."""
        scale, shift = self.modulation(condition)[:, None].chunk(2, dim=-1)
        normed = self.norm(x) * (1 + scale) + shift
        x = x + self.attention(normed, torch.cat([memory, normed], dim=1))
        out: Tensor = x + self.feed_forward(x)
        return out


class MotionDenoiser(nn.Module):
    """Estimates clean motion from noisy motion, its past and its audio."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed_motion = nn.Linear(config.motion_dim, width)
        self.embed_audio = nn.Linear(config.feature_dim, width)
        self.embed_noisy = nn.Linear(config.motion_dim, width)
        self.motion_places = nn.Parameter(torch.randn(config.num_motion_frames, width) * 0.02)
        self.audio_places = nn.Parameter(torch.randn(config.num_audio_frames, width) * 0.02)
        self.new_places = nn.Parameter(torch.randn(config.hop_frames, width) * 0.02)
        self.condition = nn.Sequential(
            nn.Linear(width + len(SPEED_CENTERS), width), nn.SiLU(), nn.Linear(width, width)
        )
        self.memory = nn.ModuleList(MemoryLayer(config) for _ in range(config.memory_layers))
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        # The audio of a frame goes straight to it, too: its own and its neighbours' matter most.
        self.embed_near_audio = nn.Linear(3 * config.feature_dim, width)
        self.regressor = MouthRegressor(
            config.feature_dim, config.num_audio_frames, config.hop_frames, config.num_mouth
        )
        self.out = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, config.motion_dim - config.num_mouth)
        )

    def remember(self, motion_frames: Tensor, audio_features: Tensor) -> Tensor:
        """Encode motion frames (B, N, M) and audio features (B, A, D) to a memory (B, N + A, W)."""
        motion = self.embed_motion(motion_frames) + self.motion_places
        audio = self.embed_audio(audio_features) + self.audio_places
        memory = torch.cat([motion, audio], dim=1)
        for layer in self.memory:
            memory = layer(memory)
        return memory

    def forward(
        self,
        noisy: Tensor,
        sigma: Tensor,
        memory: Tensor,
        audio_features: Tensor,
        head_speed: Tensor,
    ) -> Tensor:
        """Return the `denoised` estimate (B, H, M) of noisy motion (B, H, M).

        sigma: (B,) noise level 0..1, where noisy = (1 - sigma) * clean + sigma * noise.
        memory: (B, S, W) from `remember`; audio_features: (B, A, D), the same that it was given.
        head_speed: (B,) rad/s.
        """
        hop = self.config.hop_frames
        padded = torch.cat([audio_features, audio_features[:, -1:]], dim=1)
        near = padded.unfold(1, 3, 1)[:, -hop:].flatten(2)
        x = self.embed_noisy(noisy) + self.embed_near_audio(near) + self.new_places
        condition = self.condition(
            torch.cat([_sinusoid(sigma, self.config.width), speed_layers(head_speed)], dim=-1)
        )
        for layer in self.decoder:
            x = layer(x, memory, condition)
        return torch.cat([self.regressor(audio_features), self.out(x)], dim=-1)


def _feed_forward(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
    )


def _sinusoid(sigma: Tensor, width: int) -> Tensor:
    frequencies = torch.exp(
        torch.arange(width // 2, device=sigma.device) * (-math.log(1000.0) / (width // 2))
    )
    angles = sigma[:, None] * 1000.0 * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
