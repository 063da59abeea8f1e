import pytest
import torch

from model.identity.lip_line import LipLine
from model.identity.topology import LOWER_INNER_LIP, UPPER_INNER_LIP


@pytest.fixture
def tilted() -> LipLine:
    landmarks = torch.zeros(478, 2)
    u = torch.linspace(0, 100, 11)
    points = torch.stack([u, 0.2 * u + 8 * torch.sin(u / 100 * torch.pi)], dim=1) + 50
    landmarks[list(UPPER_INNER_LIP)] = points - torch.tensor([0.0, 1.0])
    landmarks[list(LOWER_INNER_LIP)] = points + torch.tensor([0.0, 1.0])
    landmarks[78] = landmarks[308] = 0
    landmarks[78], landmarks[308] = points[0], points[-1]
    return LipLine.through(landmarks)


def test_the_line_runs_between_the_inner_lips(tilted: LipLine) -> None:
    assert tilted.above(tilted.points).abs().max() < 0.15


def test_above_is_towards_the_nose(tilted: LipLine) -> None:
    middle = tilted.points[5]
    assert float(tilted.above(middle - torch.tensor([0.0, 10.0]))) > 8
    assert float(tilted.above(middle + torch.tensor([0.0, 10.0]))) < -8


def test_between_the_corners_the_sheets_meet_in_the_line(tilted: LipLine) -> None:
    above = tilted.above(tilted.points[3:8])
    torch.testing.assert_close(tilted.below_sheet(tilted.points[3:8]), -above)


def test_beyond_the_corners_the_lower_sheet_closes_the_cut(tilted: LipLine) -> None:
    beside = tilted.left - 20 * tilted.direction
    assert float(tilted.beyond(beside)) == pytest.approx(20, abs=1e-3)
    assert float(tilted.below_sheet(beside)) > 10


def test_share_changes_sides_across_the_line(tilted: LipLine) -> None:
    middle = tilted.points[5]
    offsets = torch.tensor([[0.0, -30.0], [0.0, 0.0], [0.0, 30.0]])
    shares = tilted.upper_share(middle + offsets)
    assert float(shares[0]) == 1
    assert 0.3 < float(shares[1]) < 0.7
    assert float(shares[2]) == 0
