"""Lips meet where the sound says so."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.avatar import DEFAULT_WEIGHTS
from model.motion.contact import ROWS, ContactProbe, LipCloser
from model.motion.motion_model import MotionModel
from model.motion.space import INNER_LIP_PAIRS, MotionSpace

SUBVECTOR = 4
LOUD = 20.0


@pytest.fixture
def probe() -> ContactProbe:
    """Hears contact where the first number of the row that it judges is LOUD."""
    hidden = torch.zeros(1, ROWS * SUBVECTOR)
    hidden[0, -SUBVECTOR] = 1
    return ContactProbe(hidden, torch.zeros(1), torch.ones(1), torch.tensor(-LOUD / 2))


@pytest.fixture(scope="module")
def space() -> MotionSpace:
    return MotionSpace.load(DEFAULT_WEIGHTS / "motion_space.safetensors")


def gaps(mouth: Tensor, space: MotionSpace) -> Tensor:
    upper, lower = (list(side) for side in zip(*INNER_LIP_PAIRS, strict=True))
    return mouth @ (space.mouth_basis[:, lower, 1] - space.mouth_basis[:, upper, 1])


@pytest.mark.parametrize(
    ("row", "closing"),
    [(9, [0, 0, 0]), (8, [0, 0, 1]), (7, [0, 0, 0]), (6, [0, 1, 0]), (4, [1, 0, 0])],
)
def test_a_frame_shows_the_first_of_its_rows(
    probe: ContactProbe, row: int, closing: list[int]
) -> None:
    features = torch.zeros(1, 5, 2 * SUBVECTOR)
    features.view(10, SUBVECTOR)[row, 0] = LOUD
    assert probe.closing(features, 3).tolist() == [closing]


def test_lips_come_together_by_degrees(probe: ContactProbe) -> None:
    features = torch.zeros(50, 4, 2 * SUBVECTOR)
    features.view(50, 8, SUBVECTOR)[:, 6, 0] = torch.linspace(0, LOUD, 50)
    closing = probe.closing(features, 1)[:, 0]
    assert closing[0] == 0
    assert closing[-1] == 1
    assert (closing.diff() >= 0).all()
    assert ((closing > 0) & (closing < 1)).any()


def test_features_must_reach_back(probe: ContactProbe) -> None:
    with pytest.raises(ValueError, match="features of 3 frames, expected at least 4"):
        probe.closing(torch.zeros(1, 3, 2 * SUBVECTOR), 2)


def test_closed_lips_touch_and_the_mouth_is_changed_no_more_than_needed(space: MotionSpace) -> None:
    closer = LipCloser(space.mouth_basis)
    mouth = torch.randn(200, space.num_mouth, generator=torch.Generator().manual_seed(0))
    closed = closer.close(mouth, torch.ones(200))
    before, after = gaps(mouth, space), gaps(closed, space)
    assert before.max() > 0.05
    # As the benchmarks have it, lips touch below 1.2 % of the face's width.
    assert after.max() < 0.012
    assert (closed - mouth).norm(dim=1).mean() < mouth.norm(dim=1).mean()


def test_a_share_takes_that_share_of_the_gaps(space: MotionSpace) -> None:
    closer = LipCloser(space.mouth_basis)
    mouth = torch.randn(200, space.num_mouth, generator=torch.Generator().manual_seed(0))
    wide = gaps(mouth, space).amin(dim=1) > 0.02
    assert wide.sum() > 5
    halved = gaps(closer.close(mouth, torch.full((200,), 0.5)), space)[wide]
    torch.testing.assert_close(halved, 0.5 * gaps(mouth, space)[wide], rtol=0.1, atol=0.003)
    assert torch.equal(closer.close(mouth, torch.zeros(200))[wide], mouth[wide])


@pytest.mark.parametrize(
    ("opening", "left"), [(0.03, 0.03), (0.014, 0.007), (0.008, 0), (0.002, 0)]
)
def test_lips_that_come_near_meet(opening: float, left: float) -> None:
    basis = torch.zeros(1, 478, 3)
    basis[0, [lower for _, lower in INNER_LIP_PAIRS], 1] = 1
    closed = LipCloser(basis).close(torch.tensor([[opening]]), torch.zeros(1))
    assert closed.item() == pytest.approx(left, abs=1e-5)


def test_lips_that_overlap_are_not_pulled_apart(space: MotionSpace) -> None:
    closer = LipCloser(space.mouth_basis)
    mouth = torch.randn(500, space.num_mouth, generator=torch.Generator().manual_seed(0))
    pressed = mouth[gaps(mouth, space).amax(dim=1) < 0]
    assert len(pressed) > 5
    assert torch.equal(closer.close(pressed, torch.ones(len(pressed))), pressed)


def test_the_file_holds_the_probe(probe: ContactProbe, tmp_path: Path) -> None:
    probe.save(tmp_path / "probe.safetensors")
    loaded = ContactProbe.load(tmp_path / "probe.safetensors")
    for name, tensor in vars(probe).items():
        torch.testing.assert_close(getattr(loaded, name), tensor)


def test_a_model_closes_the_mouth_where_it_hears_contact_and_does_not_remember_it(
    motion_model: MotionModel, probe: ContactProbe
) -> None:
    basis = torch.zeros(3, 478, 3)
    basis[0, [lower for _, lower in INNER_LIP_PAIRS], 1] = 1
    motion_model.meet_at_contacts(probe, LipCloser(basis), slice(0, 3))
    # Whatever it hears, this mouth is open.
    last = motion_model.denoiser.regressor.out[-1]
    torch.nn.init.zeros_(last.get_parameter("weight"))
    torch.nn.init.constant_(last.get_parameter("bias"), 2.0)
    open_mouths: list[Tensor] = []
    shut: list[Tensor] = []
    remembered: list[Tensor] = []
    for loud in (0.0, LOUD):
        state = motion_model.initial_state(0)
        for _ in range(40):
            features = torch.randn(1, 2, 2 * SUBVECTOR, generator=state.generator)
            features[0, :, 0] = loud
            motion = motion_model.step(features, [state], torch.tensor([0.1]), 2)
            (shut if loud else open_mouths).append(motion[..., 0])
            remembered.append(state.motion_frames[:, -2:, 0])
    assert torch.cat(open_mouths).max() > 0.1
    assert torch.cat(shut).max() < 1e-3
    assert torch.cat(remembered[40:]).max() > 0.1
