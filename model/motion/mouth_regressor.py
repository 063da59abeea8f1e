"""Where the sound puts the mouth, by regression.

Lips follow the sound: what is left open of them is little, and to draw it at random makes them
worse. A regression learns from long runs of frames in minutes, and without motion frames among its
inputs it can neither drift nor latch. As SadTalker's ExpNet (Zhang et al. 2023, arXiv:2211.12194)
beside its PoseVAE: lips by regression, the head by a generative model.
"""

from torch import Tensor, nn

_WIDTH = 384


class MouthRegressor(nn.Module):
    """Audio features of a window to the mouths of its last frames; `dropout` is training's."""

    def __init__(
        self,
        feature_dim: int,
        num_audio_frames: int,
        hop_frames: int,
        num_mouth: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.hop_frames, self.num_mouth = hop_frames, num_mouth
        self.stem = nn.Linear(num_audio_frames * feature_dim, _WIDTH)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(_WIDTH),
                nn.Dropout(dropout),
                nn.Linear(_WIDTH, _WIDTH),
                nn.GELU(),
                nn.Linear(_WIDTH, _WIDTH),
            )
            for _ in range(2)
        )
        self.out = nn.Sequential(
            nn.LayerNorm(_WIDTH), nn.GELU(), nn.Linear(_WIDTH, hop_frames * num_mouth)
        )

    def forward(self, audio_features: Tensor) -> Tensor:
        """Features (B, A, D), the last ones those of the new frames, to mouths (B, H, K)."""
        x = self.stem(audio_features.flatten(1))
        for block in self.blocks:
            x = x + block(x)
        mouth: Tensor = self.out(x)
        return mouth.reshape(-1, self.hop_frames, self.num_mouth)
