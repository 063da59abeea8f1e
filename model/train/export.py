"""Compile the networks of every hop to graphs for ONNX Runtime.

    python -m model.train export [WEIGHTS]

Writes `audio_encoder.onnx` and `motion_denoiser.onnx` beside the safetensors files in WEIGHTS, the
shipped ones by default. To be run whenever one of those has changed: another's graph is refused.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from model.avatar import DEFAULT_WEIGHTS
from model.compiled import WEIGHTS_KEY, digest
from model.features.encoder import CausalAudioEncoder, load_encoder
from model.motion.guidance import guided
from model.motion.motion_model import MotionModel

# Not 1 or 2: a size that is a constant in the code would be taken for it.
_BATCH = 3
# A graph is for hops of two frames: log-mel comes at 100 Hz.
_HOP_MELS = 8


class _Encoder(nn.Module):
    def __init__(self, encoder: CausalAudioEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, log_mel: Tensor, mel: Tensor, conv: Tensor, hidden: Tensor
    ) -> tuple[Tensor, ...]:
        return self.encoder.network(log_mel, mel, conv, hidden)


class _GuidedDenoiser(nn.Module):
    def __init__(self, model: MotionModel) -> None:
        super().__init__()
        self.denoiser = model.denoiser
        self.guidance_scale = model.guidance_scale

    def forward(
        self,
        noisy: Tensor,
        sigma: Tensor,
        motion_frames: Tensor,
        audio_features: Tensor,
        head_speed: Tensor,
    ) -> Tensor:
        denoise = guided(
            self.denoiser, motion_frames, audio_features, head_speed, self.guidance_scale
        )
        return denoise(noisy, sigma)


def export_encoder(weights: Path) -> None:
    """Compile what follows the log-mel."""
    encoder = load_encoder(weights)
    c, state = encoder.config, encoder.initial_state(_BATCH)
    log_mel = torch.zeros(_BATCH, _HOP_MELS, c.num_mels)
    inputs = {"log_mel": log_mel, "mel": state.mel, "conv": state.conv, "hidden": state.hidden}
    outputs = ["features", "next_mel", "next_conv", "next_hidden"]
    _export(_Encoder(encoder), inputs, outputs, weights)


def export_denoiser(weights: Path) -> None:
    """Compile one evaluation, with guidance if the weights ask for it."""
    model = MotionModel.load(weights)
    c = model.config
    inputs = {
        "noisy": torch.zeros(_BATCH, c.hop_frames, c.motion_dim),
        "sigma": torch.zeros(_BATCH),
        "motion_frames": torch.zeros(_BATCH, c.num_motion_frames, c.motion_dim),
        "audio_features": torch.zeros(_BATCH, c.num_audio_frames, c.feature_dim),
        "head_speed": torch.zeros(_BATCH),
    }
    _export(_GuidedDenoiser(model), inputs, ["denoised"], weights)


def _export(
    network: nn.Module, inputs: dict[str, Tensor], outputs: list[str], weights: Path
) -> None:
    batch = Dim("batch", min=1, max=1024)
    program = torch.onnx.export(
        network.eval(),
        tuple(inputs.values()),
        dynamo=True,
        input_names=list(inputs),
        output_names=outputs,
        dynamic_shapes=tuple({0: batch} for _ in inputs),
    )
    assert program is not None
    model = program.model_proto
    _forget_sources(model.graph)
    _halve_weights(model.graph)
    helper.set_model_props(model, {WEIGHTS_KEY: digest(weights)})
    weights.with_suffix(".onnx").write_bytes(model.SerializeToString())


def _forget_sources(graph: onnx.GraphProto) -> None:
    """Take out where in the code, in which folder of this machine, each part comes from."""
    parts: list[Any] = [graph, *graph.node, *graph.value_info, *graph.initializer]
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]


def _halve_weights(graph: onnx.GraphProto) -> None:
    """Keep in half precision what loses nothing by it, as weights from their file do.

    Constants of the code are numbers that half precision would round. What is halved is widened
    when the graph is read.
    """
    casts = []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        halves = values.astype(np.float16)
        if weight.data_type != TensorProto.FLOAT or (halves != values).any():
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(halves, f"{name}.half"))
        casts.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def main() -> None:
    """Compile both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, nargs="?", default=DEFAULT_WEIGHTS)
    folder = parser.parse_args().weights
    export_encoder(folder / "audio_encoder.safetensors")
    export_denoiser(folder / "motion_denoiser.safetensors")
