"""Whose audio features: a mouth regressor names the encoder that it hears by, so does a folder."""

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.avatar import DEFAULT_WEIGHTS
from model.compiled import digest

AUDIO_ENCODER = DEFAULT_WEIGHTS / "audio_encoder.safetensors"
_ENCODER = "audio_encoder"
# In a folder of audio features: whose they are.
_FEATURES_OF = "audio_encoder.sha256"


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


def begin_features(folder: Path) -> None:
    """Make a folder for audio features; until it is signed they are nobody's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FEATURES_OF).unlink(missing_ok=True)


def sign_features(folder: Path, encoder: Path) -> None:
    """Note beside audio features that all of them are of this encoder."""
    (folder / _FEATURES_OF).write_text(digest(encoder) + "\n")


def check_features(folder: Path, encoder: Path) -> None:
    """Raises ValueError when not all of the features are of the encoder in file `encoder`."""
    note = folder / _FEATURES_OF
    found = note.read_text().strip() if note.exists() else "no encoder, or an unfinished run"
    if found != digest(encoder):
        raise ValueError(
            f"the features in {folder} are of {found[:40]}, expected those of {encoder}: run"
            " `python -m model.train motion_features` again"
        )
