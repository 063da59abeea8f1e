"""Recordings and other servers in the configuration, from the file and the command line."""

from pathlib import Path

import pytest

from server.config import ConfigError
from server.config_file import Flags, load
from server.outgoing_config import PublishConfig, RecordingConfig

TOML = """
[recording]
max_minutes = 5
[[publish]]
avatar = "morisot"
url = "https://media.example/whip/face"
token = "s3cret"
[push]
max_attempts = 3
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "likeness.toml"
    path.write_text(TOML)
    return path


def test_file_and_flags_add_up(path: Path, tmp_path: Path) -> None:
    flag = PublishConfig(url="http://127.0.0.1:8889/a/whip")
    config = load(path, Flags(record=tmp_path, publish=flag))
    assert config.recording == RecordingConfig(folder=tmp_path, everything=True, max_minutes=5)
    assert [target.avatar for target in config.publish] == ["morisot", None]
    assert config.publish[0].token == "s3cret"
    assert config.push.max_attempts == 3


def test_without_any_nothing_is_recorded_or_sent() -> None:
    config = load(None, Flags())
    assert not config.recording.everything
    assert config.publish == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("https://", "rtmp://", "publish.0.url"),
        ("media.example", "media.example:port", "publish.0.url"),
        ("s3cret", "s3 cret", "publish.0.token: "),
        ("max_minutes = 5", "max_minutes = 0", "recording.max_minutes = 0"),
    ],
)
def test_what_is_wrong_is_named(path: Path, old: str, new: str, says: str) -> None:
    path.write_text(TOML.replace(old, new))
    with pytest.raises(ConfigError, match=says) as refused:
        load(path, Flags())
    assert "s3 cret" not in str(refused.value)
