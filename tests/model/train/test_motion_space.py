"""What ships is not overwritten unless somebody says so."""

from pathlib import Path

import pytest

from model.train.motion_space import main


@pytest.mark.parametrize("given", [[], ["--space", "old.safetensors", "--out", "new.safetensors"]])
def test_a_space_is_either_taken_or_learned_into_a_file_that_is_named(
    given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["motion_space", "data", "tracks", *given])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert list(tmp_path.iterdir()) == []
