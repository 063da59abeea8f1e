import json
import os
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from server import keys
from server.key_file import KeyFile, KeyFileError, kept_at
from server.keys import Scope
from tests.server.test_keys import NOW

PUBLISH = frozenset({Scope.PUBLISH})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "likeness" / "keys.json"


def test_what_is_added_is_there_for_others_until_it_is_removed(path: Path) -> None:
    file, server = KeyFile(path), KeyFile(path)
    assert server.current() == ()
    end = NOW + timedelta(days=3)
    phone = file.add("phone", PUBLISH, NOW, end)
    laptop = file.add("laptop", frozenset(Scope), NOW, None)
    found = keys.find(server.current(), phone, NOW)
    assert (found.name, found.scopes, found.created, found.expires) == ("phone", PUBLISH, NOW, end)
    assert keys.find(server.current(), laptop, NOW).scopes == frozenset(Scope)
    file.remove("phone")
    assert [key.name for key in server.current()] == ["laptop"]
    file.remove("laptop")
    assert server.current() == ()


def test_it_holds_no_secret_and_only_its_owner_can_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        secret = KeyFile(path).add("phone", PUBLISH, NOW, None)
    finally:
        os.umask(before)
    text = path.read_text()
    assert secret not in text
    assert secret.rpartition("_")[2] not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_names(path: Path) -> None:
    file = KeyFile(path)
    file.add("phone", PUBLISH, NOW, None)
    with pytest.raises(KeyFileError, match=r"there is a key 'phone' already.*keys remove phone"):
        file.add("phone", PUBLISH, NOW, None)
    for name in ("", "a b", "-x", "x" * 65, "ü", "x\n"):
        with pytest.raises(KeyFileError, match="expected up to 64 letters"):
            file.add(name, PUBLISH, NOW, None)
    with pytest.raises(KeyFileError, match="there is no key 'tablet', the keys are: phone"):
        file.remove("tablet")
    assert [key.name for key in file.current()] == ["phone"]


def test_a_damaged_file_is_told_and_left_as_it_is(path: Path) -> None:
    file = KeyFile(path)
    file.add("phone", PUBLISH, NOW, None)
    whole = path.read_text()
    entry = json.loads(whole)["keys"][0]
    for content in (
        "",
        whole[:-20],
        "[]",
        whole.replace('"version": 1', '"version": 2'),
        whole.replace('"publish"', '"everything"'),
        whole.replace(entry["sha256"], "0"),
        json.dumps({"version": 1, "keys": [entry, entry]}),
        json.dumps({"version": 1, "keys": [{**entry, "scopes": []}]}),
        json.dumps({"version": 1, "keys": [], "more": 1}),
    ):
        path.write_text(content)
        for act in (
            file.current,
            lambda: file.add("laptop", PUBLISH, NOW, None),
            lambda: file.remove("phone"),
        ):
            with pytest.raises(KeyFileError) as caught:
                act()
            said = str(caught.value)
            assert f"{path} is damaged (" in said
            assert "move it away" in said
            assert entry["sha256"] not in said
        assert path.read_text() == content
    path.write_text(whole)
    assert [key.name for key in file.current()] == ["phone"]


def test_a_change_that_fails_leaves_what_was_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = KeyFile(path)
    file.add("phone", PUBLISH, NOW, None)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyFileError, match=r"No space left on device: .*XDG_DATA_HOME"):
        file.add("laptop", PUBLISH, NOW, None)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_two_who_add_at_once_do_not_undo_each_other(path: Path) -> None:
    names = [f"device-{number}" for number in range(8)]
    threads = [
        threading.Thread(target=KeyFile(path).add, args=(name, PUBLISH, NOW, None))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {key.name for key in KeyFile(path).current()} == set(names)


def test_it_is_read_only_after_a_change(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KeyFile(path).add("phone", PUBLISH, NOW, None)
    server = KeyFile(path)
    first = server.current()

    def read_again(_: Path) -> bytes:
        raise AssertionError("read again, though nothing has changed")

    monkeypatch.setattr(Path, "read_bytes", read_again)
    assert server.current() is first


def test_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = KeyFile(tmp_path / "file" / "likeness" / "keys.json")
    with pytest.raises(KeyFileError, match="cannot keep keys at"):
        file.add("phone", PUBLISH, NOW, None)
    with pytest.raises(KeyFileError, match="cannot keep keys at"):
        file.current()


def test_where_it_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert kept_at() == tmp_path / "likeness" / "keys.json"

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(KeyFileError, match=r"cannot keep keys: .*set XDG_DATA_HOME"):
        kept_at()
