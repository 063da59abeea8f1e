import pytest
import torch

from model.frames.frame_denoiser import FrameDenoiser, FrameDenoiserConfig

CONFIG = FrameDenoiserConfig(crop_px=48, widths=(16, 16), code_size=4)
S = CONFIG.crop_px


def pictures(count: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, S, S) * 2 - 1


def test_untrained_it_changes_nothing() -> None:
    """Zero-initialised over the warp: it can only improve on it."""
    network = FrameDenoiser(CONFIG)
    features = network.reference_net(pictures(1))
    change = network(
        pictures(2),
        torch.ones(2),
        pictures(2),
        torch.ones(2, 1, S, S),
        pictures(2, 6),
        features,
        torch.randn(2, 4),
    )
    assert change.shape == (2, 3, S, S)
    assert change.abs().max() == 0


@pytest.mark.parametrize(
    "given", ["noisy", "warp", "locator", "motion_frames", "reference", "code"]
)
def test_all_conditions_reach_the_output(given: str) -> None:
    torch.manual_seed(0)
    network = FrameDenoiser(CONFIG)
    torch.nn.init.normal_(network.out.weight)
    inputs = {
        "noisy": pictures(1),
        "warp": pictures(1),
        "locator": torch.rand(1, 1, S, S),
        "motion_frames": pictures(1, 6),
        "reference": pictures(1),
        "code": torch.randn(1, 4),
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
            inputs["code"],
        )
        return change

    before = run()
    inputs[given] = inputs[given].flip(-1)
    assert not torch.allclose(before, run())


def test_a_crop_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="crop_px is 40, expected a multiple of 48"):
        FrameDenoiserConfig(crop_px=40)


def test_nothing_changes_outside_the_locator() -> None:
    network = FrameDenoiser(CONFIG)
    torch.nn.init.normal_(network.out.weight)
    locator = torch.zeros(1, 1, S, S)
    locator[..., 16:32, 8:40] = 1
    features = network.reference_net(pictures(1))
    code = torch.randn(1, 4)
    change = network(
        pictures(1), torch.ones(1), pictures(1), locator, pictures(1, 6), features, code
    )
    assert change[..., 16:32, 8:40].abs().min() > 0
    assert (change * (1 - locator)).abs().max() == 0
