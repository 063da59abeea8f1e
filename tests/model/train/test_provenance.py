"""Features and what hears by them are refused beside another encoder than their own."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.train.provenance import (
    begin_features,
    check_features,
    load_mouth,
    save_mouth,
    sign_features,
)


def test_a_mouth_that_hears_by_another_encoder_is_refused(tmp_path: Path) -> None:
    weights = {"stem.weight": torch.ones(3)}
    own, other = tmp_path / "own.safetensors", tmp_path / "other.safetensors"
    own.write_bytes(b"an encoder")
    other.write_bytes(b"another")
    save_mouth(weights, tmp_path / "mouth.safetensors", own)
    assert load_mouth(tmp_path / "mouth.safetensors", own).keys() == weights.keys()
    with pytest.raises(ValueError, match=r"hears by .*other\.safetensors"):
        load_mouth(tmp_path / "mouth.safetensors", other)
    save_file(weights, tmp_path / "nameless.safetensors")
    with pytest.raises(ValueError, match="hears by no encoder"):
        load_mouth(tmp_path / "nameless.safetensors", own)


def test_features_are_known_by_their_encoder_once_they_are_all_there(tmp_path: Path) -> None:
    encoder, folder = tmp_path / "own.safetensors", tmp_path / "features"
    encoder.write_bytes(b"an encoder")
    begin_features(folder)
    with pytest.raises(ValueError, match="of no encoder, or an unfinished run"):
        check_features(folder, encoder)
    sign_features(folder, encoder)
    check_features(folder, encoder)
    encoder.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"expected those of .*own"):
        check_features(folder, encoder)
