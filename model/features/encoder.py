"""Causal streaming audio encoder: what the mouth says, whoever says it, in whatever language.

A small convolutional and recurrent network, distilled from a phoneme recognizer
(`model.train.encoder`). It hears only the past; it was trained to speak of a moment
`lookahead_frames` after it, which is where its view of the "future" comes from.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from model.compiled import Graph
from model.features.mel import TAIL_SAMPLES, LogMel
from model.rates import SAMPLES_PER_FRAME

SUBFRAMES = 2
"""Feature sub-vectors per video frame: they describe the times 0 and 20 ms after its start."""


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the network.

    num_mels: bands of the log-mel input.
    conv_width: channels of the convolution at 100 Hz.
    hidden_width: units of each recurrent layer, at 50 Hz.
    num_layers: recurrent layers.
    subvector_dim: numbers per sub-vector of the output.
    lookahead_frames: video frames (40 ms) between a moment and what is said about it.

    Raises ValueError if a size is not positive.
    """

    num_mels: int = 80
    conv_width: int = 160
    hidden_width: int = 256
    num_layers: int = 2
    subvector_dim: int = 64
    lookahead_frames: int = 3

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")


@dataclass
class EncoderState:
    """What one batch of streams remembers; batch first, so that streams stack with torch.cat.

    tail: (B, 240) newest samples. mel: (B, num_mels, 2) and conv: (B, conv_width, 2), the left
    context of the convolutions. hidden: (B, num_layers, hidden_width).
    """

    tail: Tensor
    mel: Tensor
    conv: Tensor
    hidden: Tensor


class CausalAudioEncoder(nn.Module):
    """Implements `model.protocols.AudioEncoder`."""

    def __init__(self, config: EncoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or EncoderConfig()
        self._graph: Graph | None = None
        c = self.config
        self.log_mel = LogMel(c.num_mels)
        self.conv = nn.Conv1d(c.num_mels, c.conv_width, kernel_size=3)
        self.downsample = nn.Conv1d(c.conv_width, c.hidden_width, kernel_size=4, stride=2)
        self.norm = nn.LayerNorm(c.hidden_width)
        self.recurrent = nn.GRU(c.hidden_width, c.hidden_width, c.num_layers, batch_first=True)
        self.bottleneck = nn.Linear(SUBFRAMES * c.hidden_width, SUBFRAMES * c.subvector_dim)

    @property
    def feature_dim(self) -> int:
        """Numbers per video frame: SUBFRAMES sub-vectors, one after the other."""
        return SUBFRAMES * self.config.subvector_dim

    @property
    def lookahead_frames(self) -> int:
        """Video frames of sound heard after a frame before its features come out."""
        return self.config.lookahead_frames

    def initial_state(self, batch: int) -> EncoderState:
        """The state of `batch` streams that have heard nothing: zeros."""
        c = self.config
        return EncoderState(
            tail=torch.zeros(batch, TAIL_SAMPLES),
            mel=torch.zeros(batch, c.num_mels, 2),
            conv=torch.zeros(batch, c.conv_width, 2),
            hidden=torch.zeros(batch, c.num_layers, c.hidden_width),
        )

    def encode(self, samples: Tensor, state: EncoderState) -> tuple[Tensor, EncoderState]:
        """Hears n frames of sound, says n frames of features.

        Args:
            samples: (B, n * 640) at 16 kHz, -1..1, n >= 1.
            state: of the same B streams.

        Returns:
            (B, n, feature_dim), each sub-vector of mean 0 and variance 1, and the next state.
            Row i describes the video frame `lookahead_frames` before the i-th frame of `samples`;
            the first `lookahead_frames` rows of a stream describe the time before it.

        Raises:
            ValueError: samples are not whole frames, or of another batch than the state.
        """
        batch, length = samples.shape
        if length == 0 or length % SAMPLES_PER_FRAME:
            raise ValueError(
                f"got {length} samples, expected a positive multiple of {SAMPLES_PER_FRAME}"
            )
        if batch != len(state.tail):
            raise ValueError(f"got {batch} streams of samples for {len(state.tail)} of state")
        log_mel, tail = self.log_mel(samples, state.tail)
        run = self.network if self._graph is None else self._graph.run
        features, mel, conv, hidden = run(log_mel, state.mel, state.conv, state.hidden)
        return features, EncoderState(tail, mel, conv, hidden)

    def run_by(self, graph: Graph) -> None:
        """Evaluate `network` by `graph`: from now on, of as many frames as it is made for."""
        self._graph = graph

    def network(
        self, log_mel: Tensor, mel: Tensor, conv: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """From log-mel (B, 4n, num_mels) on: features, and the next mel, conv and hidden."""
        mel = torch.cat([mel, log_mel.transpose(1, 2)], dim=2)  # (B, num_mels, 2 + 4n)
        conv = torch.cat([conv, F.gelu(self.conv(mel))], dim=2)  # (B, conv_width, 2 + 4n)
        x = self.norm(F.gelu(self.downsample(conv)).transpose(1, 2))  # (B, 2n, hidden_width)
        x, hidden = self.recurrent(x, hidden.transpose(0, 1).contiguous())
        x = x.reshape(x.shape[0], -1, SUBFRAMES * self.config.hidden_width)
        subvectors = self.bottleneck(x).unflatten(2, (SUBFRAMES, self.config.subvector_dim))
        features = F.layer_norm(subvectors, (self.config.subvector_dim,)).flatten(2)
        return features, mel[:, :, -2:], conv[:, :, -2:], hidden.transpose(0, 1)


def save_encoder(config: EncoderConfig, weights: Mapping[str, Tensor], path: Path) -> None:
    """Write weights, in half precision, with the sizes and the lookahead that they belong to."""
    halves = {name: weight.half().contiguous() for name, weight in weights.items()}
    save_file(halves, path, metadata={"config": json.dumps(asdict(config))})


def load_encoder(path: Path) -> CausalAudioEncoder:
    """The trained encoder, ready for inference.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged or holds weights of another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            config = EncoderConfig(**json.loads((file.metadata() or {})["config"]))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        encoder = CausalAudioEncoder(config)
        encoder.load_state_dict(weights)
    except (SafetensorError, RuntimeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path.name} does not hold this version's audio encoder: get the weights that came"
            f" with this code ({error})"
        ) from error
    return encoder.eval().requires_grad_(False)
