"""What the server runs of each network is what was trained, operation by operation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model.avatar import DEFAULT_WEIGHTS, Avatar, WeightsError
from model.compiled import Graph
from model.features.encoder import load_encoder
from model.motion.motion_model import MotionModel

ENCODER = DEFAULT_WEIGHTS / "audio_encoder.safetensors"
DENOISER = DEFAULT_WEIGHTS / "motion_denoiser.safetensors"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    for file in DEFAULT_WEIGHTS.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    return tmp_path


@pytest.mark.parametrize("batch", [1, 2, 5])
@torch.inference_mode()
def test_the_encoder_hears_the_same_hop_after_hop(batch: int) -> None:
    eager, compiled = load_encoder(ENCODER), load_encoder(ENCODER)
    compiled.run_by(Graph.of(ENCODER))
    expected_state = found_state = eager.initial_state(batch)
    generator = torch.Generator().manual_seed(batch)
    for _ in range(20):
        samples = 0.1 * torch.randn(batch, 1280, generator=generator)
        expected, expected_state = eager.encode(samples, expected_state)
        found, found_state = compiled.encode(samples, found_state)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("batch", "num_steps"), [(1, 1), (1, 2), (3, 2)])
@torch.inference_mode()
def test_motion_is_the_same_hop_after_hop(batch: int, num_steps: int) -> None:
    eager, compiled = MotionModel.load(DENOISER), MotionModel.load(DENOISER)
    compiled.run_by(Graph.of(DENOISER))
    generator = torch.Generator().manual_seed(batch)
    speed = torch.linspace(0, 0.3, batch)
    expected_states, found_states = (
        [model.initial_state(seed) for seed in range(batch)] for model in (eager, compiled)
    )
    for _ in range(20):
        features = torch.randn(batch, 2, eager.config.feature_dim, generator=generator)
        expected = eager.step(features, expected_states, speed, num_steps)
        found = compiled.step(features, found_states, speed, num_steps)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_a_graph_of_other_weights_is_refused(weights: Path) -> None:
    file = weights / ENCODER.name
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="does not hold the weights of audio_encoder"):
        Graph.of(file)


@pytest.mark.parametrize("length", [0, 1000, 2_000_000])
def test_a_damaged_graph_says_so(weights: Path, length: int) -> None:
    file = weights / "motion_denoiser.onnx"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"not compiled: motion_denoiser\.onnx is damaged"):
        Avatar.load(weights)


def test_a_missing_graph_says_how_it_is_made(weights: Path) -> None:
    (weights / "audio_encoder.onnx").unlink()
    with pytest.raises(WeightsError, match=r"audio_encoder\.onnx.*python -m model\.train export"):
        Avatar.load(weights)


def test_the_runtime_reports_to_nobody(tmp_path: Path) -> None:
    program = "import model.avatar, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "1"
    # It would keep what it has to report in a database there.
    assert not list(tmp_path.rglob("*onnxruntime*"))
