"""The phoneme teacher: hama's Conformer-CTC, batched in torch, with its hidden layers in reach.

`hama` (Apache-2.0) runs it in a compiled engine that returns log-probabilities only; the layers
between carry what the encoder learns from. `tests/model/train` hold it to hama's own output.
"""

import struct
from dataclasses import dataclass
from importlib import resources

import numpy as np
import torch
import torch.nn.functional as F
from hama.asr import ASRModel
from numpy.typing import NDArray
from torch import Tensor

FRAME_SAMPLES = 320
"""The teacher's frame i is centred on sample i * 320 (20 ms) of 16 kHz sound."""

_WIDTH, _HEADS, _BLOCKS, _KERNEL = 144, 4, 4, 31
_FFT, _HOP = 400, 160
_MEL_FLOOR = 1e-10
_MAGIC = b"HAMAPK"
_ALIGNMENT = 16


def _read_weights(data: bytes) -> dict[str, Tensor]:
    """Tensors of a .hama file: header of names, types, shapes, offsets; then the numbers.

    Raises ValueError if the file is of another format.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise ValueError(f"hama weights start with {data[:6]!r}, expected {_MAGIC!r}: use hama 1.7")
    (count,) = struct.unpack_from("<I", data, 8)
    cursor = 12
    entries = []
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, cursor)
        name = data[cursor + 2 : cursor + 2 + length].decode()
        cursor += 2 + length
        kind, rank = data[cursor], data[cursor + 1]
        shape = struct.unpack_from(f"<{rank}I", data, cursor + 2)
        cursor += 2 + 4 * rank
        offset, size = struct.unpack_from("<QQ", data, cursor)
        cursor += 16
        entries.append((name, np.float32 if kind == 0 else np.float16, shape, offset, size))
    base = -(-cursor // _ALIGNMENT) * _ALIGNMENT
    return {
        name: torch.from_numpy(
            np.frombuffer(data[base + offset : base + offset + size], dtype)
            .astype(np.float32)
            .reshape(shape)
        )
        for name, dtype, shape, offset, size in entries
    }


@dataclass(frozen=True)
class Judgement:
    """What the teacher says of a recording.

    hidden: (frames, blocks * 144) outputs of its Conformer blocks.
    log_probs: (frames, tokens) of CTC tokens; the last one is the blank.
    """

    hidden: NDArray[np.float32]
    log_probs: NDArray[np.float32]


class PhonemeTeacher:
    """hama 1.7.0's speech recognizer; not causal, 50 frames a second."""

    def __init__(self) -> None:
        weights = _read_weights(
            resources.files("hama.assets").joinpath("asr_waveform.hama").read_bytes()
        )
        self._w = weights
        self._matrices = _numbered(weights, "onnx::MatMul_")
        self._convs = _numbered(weights, "onnx::Conv_")
        self.tokens: tuple[str, ...] = tuple(ASRModel().decoder_tokens)

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32]) -> Judgement:
        """Judges (samples,) of 16 kHz sound; frame i is the time i * 20 ms."""
        x = self._front_end(torch.from_numpy(samples))
        layers = []
        for block in range(_BLOCKS):
            x = self._conformer(x, block)
            layers.append(x)
        prefix = "acoustic_model.model.proj."
        logits = x @ self._w[prefix + "weight"][:, :, 0].T + self._w[prefix + "bias"]
        return Judgement(torch.cat(layers, -1).numpy(), logits.log_softmax(-1).numpy())

    def _front_end(self, samples: Tensor) -> Tensor:
        padded = F.pad(samples[None, None], (_FFT // 2, _FFT // 2), mode="reflect")
        real = F.conv1d(padded, self._w["stft_real_kernel"], stride=_HOP)
        imaginary = F.conv1d(padded, self._w["stft_imag_kernel"], stride=_HOP)
        power = (real**2 + imaginary**2)[0].T
        log_mel = (power @ self._w["mel_fb"]).clamp(min=_MEL_FLOOR).log()
        weight, bias = self._convs[:2]
        return F.gelu(F.conv1d(log_mel.T[None], weight, bias, stride=2, padding=1))[0].T

    def _conformer(self, x: Tensor, block: int) -> Tensor:
        p = f"acoustic_model.model.blocks.{block}."
        w = self._w
        up1, down1, qkv, out, up2, down2 = self._matrices[6 * block : 6 * block + 6]
        depthwise, depthwise_bias = self._convs[2 + 2 * block : 4 + 2 * block]

        def norm(name: str, value: Tensor) -> Tensor:
            return F.layer_norm(value, (_WIDTH,), w[p + name + ".weight"], w[p + name + ".bias"])

        def feed_forward(name: str, up: Tensor, down: Tensor) -> Tensor:
            inner = F.silu(norm(name + ".norm", x) @ up + w[p + name + ".fc1.bias"])
            return inner @ down + w[p + name + ".fc2.bias"]

        x = x + 0.5 * feed_forward("ffn1", up1, down1)
        projected = norm("attn_norm", x) @ qkv + w[p + "attn.in_proj_bias"]
        frames = len(x)
        q, k, v = projected.view(frames, 3, _HEADS, _WIDTH // _HEADS).permute(1, 2, 0, 3)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(frames, _WIDTH)
        x = x + attended @ out + w[p + "attn.out_proj.bias"]
        c = norm("conv.norm", x).T[None]
        c = F.conv1d(c, w[p + "conv.pointwise1.weight"], w[p + "conv.pointwise1.bias"])
        c = F.conv1d(F.glu(c, 1), depthwise, depthwise_bias, padding=_KERNEL // 2, groups=_WIDTH)
        c = F.conv1d(F.silu(c), w[p + "conv.pointwise2.weight"], w[p + "conv.pointwise2.bias"])
        x = x + c[0].T
        x = x + 0.5 * feed_forward("ffn2", up2, down2)
        return norm("norm", x)


def _numbered(weights: dict[str, Tensor], prefix: str) -> list[Tensor]:
    """The tensors the export left unnamed, in the order of the graph."""
    names = [name for name in weights if name.startswith(prefix)]
    return [weights[name] for name in sorted(names, key=lambda name: int(name[len(prefix) :]))]
