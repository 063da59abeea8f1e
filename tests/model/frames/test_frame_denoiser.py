import pytest
import torch

from model.frames.frame_denoiser import FrameDenoiser, FrameDenoiserConfig

CONFIG = FrameDenoiserConfig(crop_px=24, widths=(16, 16))


def pictures(count: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, 24, 24) * 2 - 1


def test_untrained_it_changes_nothing() -> None:
    """Zero-initialised over the warp: it can only improve on it."""
    network = FrameDenoiser(CONFIG)
    features = network.reference_net(pictures(1))
    change = network(
        pictures(2), torch.ones(2), pictures(2), torch.ones(2, 1, 24, 24), pictures(2, 6), features
    )
    assert change.shape == (2, 3, 24, 24)
    assert change.abs().max() == 0


@pytest.mark.parametrize("given", ["noisy", "warp", "locator", "motion_frames", "reference"])
def test_all_conditions_reach_the_output(given: str) -> None:
    torch.manual_seed(0)
    network = FrameDenoiser(CONFIG)
    torch.nn.init.normal_(network.out.weight)
    inputs = {
        "noisy": pictures(1),
        "warp": pictures(1),
        "locator": torch.rand(1, 1, 24, 24),
        "motion_frames": pictures(1, 6),
        "reference": pictures(1),
    }

    def run() -> torch.Tensor:
        features = network.reference_net(inputs["reference"])
        change: torch.Tensor = network(
            inputs["noisy"],
            torch.ones(1),
            inputs["warp"],
            inputs["locator"],
            inputs["motion_frames"],
            features,
        )
        return change

    before = run()
    inputs[given] = inputs[given].flip(-1)
    assert not torch.allclose(before, run())


def test_a_crop_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="crop_px is 40, expected a multiple of 24"):
        FrameDenoiserConfig(crop_px=40)


def test_nothing_changes_outside_the_locator() -> None:
    network = FrameDenoiser(CONFIG)
    torch.nn.init.normal_(network.out.weight)
    locator = torch.zeros(1, 1, 24, 24)
    locator[..., 8:16, 4:20] = 1
    features = network.reference_net(pictures(1))
    change = network(pictures(1), torch.ones(1), pictures(1), locator, pictures(1, 6), features)
    assert change[..., 8:16, 4:20].abs().min() > 0
    assert (change * (1 - locator)).abs().max() == 0
