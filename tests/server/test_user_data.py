import stat
from pathlib import Path

import pytest

from server import user_data


def test_where_data_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert user_data.folder() == tmp_path / "xdg" / "likeness"
    for value in ("", "relative/to/what"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert user_data.folder() == tmp_path / ".local" / "share" / "likeness"

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(user_data.NoDataFolderError, match="set XDG_DATA_HOME to a folder"):
        user_data.folder()


def test_a_file_is_written_whole_and_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "new" / "data.json"
    user_data.make_folder(path.parent)
    path.write_text("old, and longer than what comes")
    path.chmod(0o644)
    user_data.write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
