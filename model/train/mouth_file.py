"""A mouth regressor in a file of its own, which names the audio encoder that it hears by."""

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.compiled import digest

_ENCODER = "audio_encoder"


def save_mouth(weights: dict[str, Tensor], path: Path, encoder: Path) -> None:
    """Write weights that were trained on the features of the encoder in file `encoder`."""
    save_file(weights, path, {_ENCODER: digest(encoder)})


def load_mouth(path: Path, encoder: Path) -> dict[str, Tensor]:
    """Read weights; raises ValueError when they hear by another encoder than that in `encoder`."""
    with safe_open(path, framework="pt") as file:
        found = (file.metadata() or {}).get(_ENCODER, "no encoder")
    if found != digest(encoder):
        raise ValueError(
            f"the mouth regressor in {path} hears by {found[:12]}, expected {encoder}"
            f" ({digest(encoder)[:12]}): train it on that encoder's features, or take the one that"
            " was trained along with it"
        )
    return load_file(path)
