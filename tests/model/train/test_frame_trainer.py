from pathlib import Path
from statistics import fmean

import pytest
import torch

from model.frames.frame_denoiser import FrameDenoiserConfig
from model.frames.painter import load_frame_denoiser
from model.train.frame_lessons import FrameBatch
from model.train.frame_trainer import FrameTrainConfig, FrameTrainer, picture_loss

SIZE = 24


def trainer() -> FrameTrainer:
    config = FrameDenoiserConfig(crop_px=SIZE, widths=(16, 16))
    return FrameTrainer(config, FrameTrainConfig(warmup_steps=1, learning_rate=2e-3))


def batch() -> FrameBatch:
    """Mouths that are all to be as bright as the portrait's."""
    random = torch.Generator().manual_seed(1)
    shade = torch.rand(4, 1, 1, 1, generator=random) - 0.5
    reference = shade.expand(4, 3, SIZE, SIZE)
    truths = shade[:, None].expand(4, 4, 3, SIZE, SIZE)
    locators = torch.zeros(4, 4, 1, SIZE, SIZE)
    locators[..., 8:24, 8:24] = 1
    return FrameBatch.of(reference, torch.zeros(4, 4, 3, SIZE, SIZE), truths, locators)


@pytest.mark.parametrize("criticised", [False, True])
def test_it_learns(criticised: bool) -> None:
    subject, lesson = trainer(), batch()
    losses = [subject.step(lesson, criticised, 0.0)["picture"] for _ in range(60)]
    assert fmean(losses[-10:]) < 0.6 * fmean(losses[:5])
    assert subject.steps == 60


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    subject, lesson = trainer(), batch()
    subject.step(lesson, True, 0.0)
    subject.save(tmp_path / "checkpoint.pt")
    again = trainer()
    again.resume(tmp_path / "checkpoint.pt")
    assert again.steps == 1
    torch.manual_seed(5)
    expected = subject.step(lesson, True, 0.0)
    torch.manual_seed(5)
    assert again.step(lesson, True, 0.0) == pytest.approx(expected, rel=1e-3)


def test_what_it_exports_is_what_the_product_reads(tmp_path: Path) -> None:
    subject = trainer()
    subject.step(batch(), False, 0.0)
    subject.export(tmp_path / "weights.safetensors")
    read = load_frame_denoiser(tmp_path / "weights.safetensors")
    torch.testing.assert_close(read.out.weight, subject.averaged().out.weight, rtol=0.01, atol=1e-5)


def test_shut_mouths_do_not_dilute_the_loss() -> None:
    painted, truth = torch.zeros(2, 3, SIZE, SIZE), torch.zeros(2, 3, SIZE, SIZE)
    truth[0, :, 8:16, 8:16] = 1
    locator = (truth[:, :1] > 0).float()
    alone = picture_loss(painted[:1], truth[:1], locator[:1])
    torch.testing.assert_close(picture_loss(painted, truth, locator), alone)
