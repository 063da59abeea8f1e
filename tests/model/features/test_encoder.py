from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.features.encoder import (
    CausalAudioEncoder,
    EncoderConfig,
    EncoderState,
    load_encoder,
    save_encoder,
)
from model.protocols import AudioEncoder
from model.rates import SAMPLE_RATE, SAMPLES_PER_FRAME

SHIPPED = Path(__file__).parents[3] / "model" / "weights" / "audio_encoder.safetensors"
SMALL = EncoderConfig(num_mels=20, conv_width=8, hidden_width=16, subvector_dim=4)


@pytest.fixture
def encoder() -> CausalAudioEncoder:
    torch.manual_seed(0)
    return CausalAudioEncoder(SMALL).eval().requires_grad_(False)


def sound(batch: int, frames: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(batch, frames * SAMPLES_PER_FRAME, generator=generator)


def tensors(state: EncoderState) -> list[torch.Tensor]:
    return [getattr(state, field.name) for field in fields(state)]


@pytest.mark.parametrize("chunks", [[1] * 12, [2] * 6, [5, 1, 3, 2, 1], [12]])
def test_streamed_equals_offline(encoder: CausalAudioEncoder, chunks: list[int]) -> None:
    samples = sound(2, sum(chunks))
    offline, offline_state = encoder.encode(samples, encoder.initial_state(2))
    state = encoder.initial_state(2)
    pieces = []
    start = 0
    for frames in chunks:
        end = start + frames * SAMPLES_PER_FRAME
        features, state = encoder.encode(samples[:, start:end], state)
        pieces.append(features)
        start = end
    torch.testing.assert_close(torch.cat(pieces, dim=1), offline, atol=1e-5, rtol=1e-4)
    for streamed, whole in zip(tensors(state), tensors(offline_state), strict=True):
        torch.testing.assert_close(streamed, whole, atol=1e-5, rtol=1e-4)


def test_sessions_stacked_along_the_batch_are_heard_as_if_alone(
    encoder: CausalAudioEncoder,
) -> None:
    alone = []
    states = []
    for seed in (1, 2):
        _, state = encoder.encode(sound(1, 3, seed), encoder.initial_state(1))
        alone.append(encoder.encode(sound(1, 2, 10 + seed), state)[0])
        states.append(state)
    columns = [torch.cat(pair) for pair in zip(*map(tensors, states), strict=True)]
    both = torch.cat([sound(1, 2, 11), sound(1, 2, 12)])
    together, _ = encoder.encode(both, EncoderState(*columns))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_uses_nothing_of_the_future(encoder: CausalAudioEncoder) -> None:
    samples = sound(1, 8)
    changed = samples.clone()
    changed[:, 4 * SAMPLES_PER_FRAME :] = 0
    before, _ = encoder.encode(samples, encoder.initial_state(1))
    after, _ = encoder.encode(changed, encoder.initial_state(1))
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_subvectors_are_normalized(encoder: CausalAudioEncoder) -> None:
    features, _ = encoder.encode(sound(1, 5), encoder.initial_state(1))
    subvectors = features.view(1, 5, 2, SMALL.subvector_dim)
    assert features.shape == (1, 5, encoder.feature_dim)
    torch.testing.assert_close(subvectors.mean(-1), torch.zeros(1, 5, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        subvectors.var(-1, correction=0), torch.ones(1, 5, 2), atol=0.05, rtol=0
    )


def test_state_starts_at_zero_with_the_batch_first(encoder: CausalAudioEncoder) -> None:
    for tensor in tensors(encoder.initial_state(3)):
        assert len(tensor) == 3
        assert not tensor.any()


@pytest.mark.parametrize("samples", [0, 1, SAMPLES_PER_FRAME + 1])
def test_partial_frames_are_refused(encoder: CausalAudioEncoder, samples: int) -> None:
    with pytest.raises(ValueError, match=f"got {samples} samples"):
        encoder.encode(torch.zeros(1, samples), encoder.initial_state(1))


def test_a_state_of_another_batch_is_refused(encoder: CausalAudioEncoder) -> None:
    with pytest.raises(ValueError, match="got 2 streams of samples for 3"):
        encoder.encode(sound(2, 1), encoder.initial_state(3))


def test_config_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="hidden_width is 0"):
        EncoderConfig(hidden_width=0)


def test_it_does_what_the_protocol_says(encoder: CausalAudioEncoder) -> None:
    protocol: AudioEncoder[EncoderState] = encoder
    samples = sound(2, 8)
    other = samples.clone()
    other[:, 5 * SAMPLES_PER_FRAME :] = 0
    one, two = (protocol.encode(heard, protocol.initial_state(2))[0] for heard in (samples, other))
    assert one.shape == (2, 8, protocol.feature_dim)
    # A row is told by what was heard until then, and by no more.
    differs = (one != two).any(dim=-1)
    assert differs.tolist() == [[False] * 5 + [True] * 3] * 2


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file(CausalAudioEncoder(SMALL).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors does not hold"):
        load_encoder(tmp_path / "other.safetensors")


def test_saved_weights_come_back_with_their_sizes_and_lookahead(tmp_path: Path) -> None:
    config = replace(SMALL, lookahead_frames=1)
    encoder = CausalAudioEncoder(config).eval()
    save_encoder(config, encoder.state_dict(), tmp_path / "own.safetensors")
    loaded = load_encoder(tmp_path / "own.safetensors")
    assert loaded.config == config
    assert loaded.lookahead_frames == 1
    heard, _ = loaded.encode(sound(1, 4), loaded.initial_state(1))
    expected, _ = encoder.encode(sound(1, 4), encoder.initial_state(1))
    torch.testing.assert_close(heard, expected, atol=0.02, rtol=0.02)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"cut\.safetensors does not hold"):
        load_encoder(tmp_path / "cut.safetensors")


def test_the_shipped_weights_hear_a_change_of_voice_but_little_of_its_level() -> None:
    encoder = load_encoder(SHIPPED)
    times_s = torch.arange(25 * SAMPLES_PER_FRAME) / SAMPLE_RATE

    def hum(formant_hz: float, gain: float) -> torch.Tensor:
        pulses = sum(torch.sin(2 * torch.pi * 120 * k * times_s) / k for k in range(1, 9))
        vowel = pulses * torch.sin(2 * torch.pi * formant_hz * times_s)
        features, _ = encoder.encode(0.1 * gain * vowel[None], encoder.initial_state(1))
        return features[:, 15:]

    change_of_vowel = (hum(500, 1) - hum(2000, 1)).square().mean()
    change_of_level = (hum(500, 1) - hum(500, 0.25)).square().mean()
    assert change_of_level < 0.5 * change_of_vowel


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_encoder(tmp_path / "none.safetensors")
