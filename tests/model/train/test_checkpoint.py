from pathlib import Path

import pytest
import torch

from model.train import checkpoint


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    checkpoint.write(path, {"steps": 3})
    assert torch.load(path, weights_only=True) == {"steps": 3}
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    checkpoint.write(path, {"steps": 3})
    with pytest.raises(AttributeError, match="pickle"):
        checkpoint.write(path, {"steps": lambda: 4})
    assert torch.load(path, weights_only=True) == {"steps": 3}
