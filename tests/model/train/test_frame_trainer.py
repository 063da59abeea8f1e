from pathlib import Path
from statistics import fmean

import pytest
import torch

from model.frames.frame_denoiser import FrameDenoiserConfig
from model.frames.painter import load_frame_denoiser
from model.train.frame_lessons import FrameBatch
from model.train.frame_trainer import FrameTrainConfig, FrameTrainer, picture_loss

SIZE = 48


def trainer() -> FrameTrainer:
    config = FrameDenoiserConfig(crop_px=SIZE, widths=(16, 16), code_size=4)
    return FrameTrainer(config, FrameTrainConfig(warmup_steps=1, learning_rate=2e-3))


def batch() -> FrameBatch:
    """Mouths that are all to be as bright as the portrait's."""
    random = torch.Generator().manual_seed(1)
    shade = torch.rand(4, 1, 1, 1, generator=random) - 0.5
    reference = shade.expand(4, 3, SIZE, SIZE)
    truths = shade[:, None].expand(4, 4, 3, SIZE, SIZE)
    locators = torch.zeros(4, 4, 1, SIZE, SIZE)
    locators[..., 16:48, 16:48] = 1
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


def test_the_pictures_of_a_criticised_second_half_do_not_hold_the_painter_to_the_truth() -> None:
    """It paints drawn mouths: no true one goes with them."""
    torch.manual_seed(3)
    lesson = batch()
    other = FrameBatch(lesson.reference, lesson.warps, lesson.truths.clone(), lesson.locators)
    other.truths[2:] = torch.rand_like(other.truths[2:]) * other.locators[2:]
    losses = []
    for own in (lesson, other):
        subject = trainer()
        torch.nn.init.normal_(subject.denoiser.out.weight, std=0.1)
        torch.manual_seed(5)
        losses.append(subject.step(own, True, 0.0))
    for name in ("picture", "kl", "adversarial", "features", "layout"):
        assert losses[0][name] == pytest.approx(losses[1][name], rel=1e-5), name
    assert losses[0]["critic"] != pytest.approx(losses[1]["critic"], rel=1e-5)


def test_a_code_comes_to_tell_insides_apart_that_look_the_same_outside() -> None:
    """Two true mouths, one warp, one portrait; noise and divergence at their full weight."""
    config = FrameDenoiserConfig(crop_px=SIZE, widths=(16, 16), code_size=4)
    train = FrameTrainConfig(
        warmup_steps=1, learning_rate=2e-3, no_past_share=1.0, code_warmup_steps=(40, 80)
    )
    subject, lesson = FrameTrainer(config, train), batch()
    shades = torch.tensor([-0.5, 0.5, -0.5, 0.5])[:, None, None, None, None]
    locators = lesson.locators
    truths = shades * locators.expand(-1, -1, 3, -1, -1)
    lesson = FrameBatch(torch.zeros(4, 3, SIZE, SIZE), lesson.warps, truths, locators)
    losses = [subject.step(lesson, False, 0.0) for _ in range(160)]
    # Who cannot tell them apart paints their mean, at this cost.
    unknown = float(picture_loss(lesson.warps[:, 0], lesson.truths[:, 0], locators[:, 0]))
    assert fmean(loss["picture"] for loss in losses[-10:]) < 0.5 * unknown
    assert fmean(loss["kl"] for loss in losses[-10:]) > 0.5


def test_warm_up_steps_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="are 5 and 5, expected the second later"):
        FrameTrainConfig(code_warmup_steps=(5, 5))


def test_the_critics_rate_is_the_configured_one_after_resuming(tmp_path: Path) -> None:
    subject = trainer()
    subject.step(batch(), True, 0.0)
    subject.save(tmp_path / "checkpoint.pt")
    config = subject.denoiser.config
    again = FrameTrainer(config, FrameTrainConfig(warmup_steps=1, critic_learning_rate=0.0))
    again.resume(tmp_path / "checkpoint.pt")
    before = again.critic.score.weight.clone()
    again.step(batch(), True, 0.0)
    assert torch.equal(before, again.critic.score.weight)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    trainer().save(tmp_path / "checkpoint.pt")
    config = FrameDenoiserConfig(crop_px=SIZE, widths=(16, 16), code_size=8)
    other = FrameTrainer(config, FrameTrainConfig())
    with pytest.raises(ValueError, match=r"is of another network: .* move it away"):
        other.resume(tmp_path / "checkpoint.pt")


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
