"""`likeness keys` as a user types it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server import cli, keys
from server.key_file import KeyFile
from server.keys import Scope
from tests.server.test_cli import refusal


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the keys in the test's folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "likeness" / "keys.json"


def test_a_key_is_shown_once(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    arguments = ["keys", "add", "phone", "--scope", "publish", "--scope", "view"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr()
    secret = printed.out.removesuffix("\n")
    assert "only time" in printed.err
    key = keys.find(KeyFile(path).current(), secret, datetime.now(UTC))
    assert key.name == "phone"
    assert key.scopes == {Scope.PUBLISH, Scope.VIEW}
    assert key.expires is None
    assert cli.main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.splitlines()[1].split() == [
        *("phone", key.id, "publish,view", f"{key.created:%Y-%m-%d}", "never"),
    ]
    assert secret.rpartition("_")[2] not in listed
    assert key.sha256 not in listed


def test_a_key_for_some_days(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert cli.main(["keys", "add", "guest", "--scope", "view", "--expires-days", "3"]) == 0
    (key,) = KeyFile(path).current()
    assert key.expires == key.created + timedelta(days=3)
    old = key.created - timedelta(days=9)
    KeyFile(path).add("old", key.scopes, old, old + timedelta(days=1))
    capsys.readouterr()
    assert cli.main(["keys", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith(f"{key.expires:%Y-%m-%d}")
    assert lines[2].endswith("(expired)")


def test_a_key_is_removed(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert cli.main(["keys", "add", "phone", "--scope", "admin"]) == 0
    assert cli.main(["keys", "remove", "phone"]) == 0
    assert KeyFile(path).current() == ()
    capsys.readouterr()
    assert cli.main(["keys", "list"]) == 0
    assert "only this machine is served" in capsys.readouterr().out
    assert "no key 'phone'" in refusal(capsys, "keys", "remove", "phone")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required"),
        (["add", "phone"], "--scope"),
        (["add", "phone", "--scope", "everything"], "choose from"),
        (["add", "phone", "--scope", "view", "--expires-days", "0"], "found '0', expected 1 to"),
        (["add", "phone", "--scope", "view", "--expires-days", "x"], "found 'x', expected 1 to"),
        (["remove"], "NAME"),
    ],
)
def test_what_is_typed_wrong(
    capsys: pytest.CaptureFixture[str], path: Path, arguments: list[str], says: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["keys", *arguments])
    assert caught.value.code == 2
    assert says in capsys.readouterr().err
    assert not path.exists()


def test_a_damaged_file_is_told_by_every_command_and_by_the_server(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.parent.mkdir()
    path.write_text("{")
    for arguments in (
        ["keys", "list"],
        ["keys", "add", "phone", "--scope", "view"],
        ["keys", "remove", "phone"],
        ["serve", "--port", "0"],
    ):
        assert f"{path} is damaged" in refusal(capsys, *arguments)
    assert path.read_text() == "{"
