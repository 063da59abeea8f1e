"""Networks as compiled graphs: one call into ONNX Runtime, with no Python in between.

PyTorch runs a small network operation by operation, and takes the interpreter's lock anew for each:
beside a busy event loop a hop then takes several times as long as its arithmetic. A graph holds
the weights of one safetensors file; `python -m model.train export` makes it.
"""

import hashlib
from pathlib import Path

import onnxruntime
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from torch import Tensor

WEIGHTS_KEY = "weights_sha256"
"""Of a graph's metadata: the SHA-256 of the file whose weights it holds."""


_DAMAGED = (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf)


class Graph:
    """An ONNX Runtime session; its outputs are as its inputs, tensors."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._names = [each.name for each in session.get_inputs()]

    @classmethod
    def of(cls, weights: Path) -> "Graph":
        """Read the graph beside a safetensors file, for as many threads as torch has now.

        Raises FileNotFoundError when either file is missing, ValueError when the graph is damaged
        or holds other weights.
        """
        path = weights.with_suffix(".onnx")
        content = path.read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        # Workers that spin take the cores that coding, the network and a browser need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except _DAMAGED as error:
            raise ValueError(f"{path.name} is damaged ({error})") from error
        found = session.get_modelmeta().custom_metadata_map.get(WEIGHTS_KEY)
        if found != digest(weights):
            raise ValueError(f"{path.name} does not hold the weights of {weights.name}")
        return cls(session)

    def run(self, *inputs: Tensor) -> list[Tensor]:
        """Run it on `inputs`, in the order in which it was exported; returns its outputs."""
        arrays = (each.numpy() for each in inputs)
        outputs = self._session.run(None, dict(zip(self._names, arrays, strict=True)))
        return [torch.from_numpy(array) for array in outputs]


def digest(weights: Path) -> str:
    """SHA-256 of a file of weights."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()
