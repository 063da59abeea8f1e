import dataclasses
import hashlib
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.avatar_store import (
    AvatarStore,
    AvatarStoreError,
    DamagedAvatarError,
    NameTakenError,
    NoRoomError,
    Record,
    Settings,
    UnknownAvatarError,
)
from server.config import AvatarConfig
from server.consent import WORDS, Consent

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
IMAGE, STILL = b"a picture", b"its still"


def record_of(name: str, image: bytes = IMAGE, settings: Settings | None = None) -> Record:
    return Record(
        name=name,
        settings=settings or Settings(),
        consent=Consent(
            declared_by="Ann",
            key="phone",
            at=NOW,
            words=WORDS,
            image_sha256=hashlib.sha256(image).hexdigest(),
        ),
        created=NOW,
        changed=NOW,
    )


@pytest.fixture
def store(tmp_path: Path) -> AvatarStore:
    config = AvatarConfig(max_avatars=2, max_total_bytes=1_000_000)
    return AvatarStore(tmp_path / "data" / "avatars", config)


def put(store: AvatarStore, name: str, image: bytes = IMAGE, *, replace: bool = True) -> bool:
    return store.put(record_of(name, image), image, STILL, replace=replace)


def files(store: AvatarStore, name: str) -> list[Path]:
    return sorted((store.folder / name).iterdir())


def test_what_is_put_is_there_for_another_process_until_it_is_removed(store: AvatarStore) -> None:
    other = AvatarStore(store.folder, AvatarConfig())
    assert other.all() == ([], [])
    settings = Settings(expression="happy", expression_strength=1, head_speed=0)
    record = record_of("ann", settings=settings)
    assert store.put(record, IMAGE, STILL, replace=True)
    assert other.all() == ([record], [])
    assert other.get("ann") == record
    assert other.image("ann") == (record, IMAGE)
    assert other.still("ann") == STILL
    changed = other.change("ann", lambda r: dataclasses.replace(r, settings=Settings()))
    assert store.get("ann") == changed
    assert changed.settings == Settings()
    store.remove("ann")
    assert other.all() == ([], [])
    assert not (store.folder / "ann").exists()


def test_only_its_owner_can_read_it(store: AvatarStore) -> None:
    put(store, "ann")
    assert stat.S_IMODE((store.folder / "ann").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(store, "ann")} == {0o600}


def test_the_declaration_is_kept_with_the_picture(store: AvatarStore) -> None:
    put(store, "ann")
    written = json.loads((store.folder / "ann" / "avatar.json").read_text())
    assert written["consent"] == {
        "declared_by": "Ann",
        "key": "phone",
        "at": "2026-05-04T12:30:00Z",
        "words": WORDS,
        # echo -n 'a picture' | sha256sum
        "image_sha256": "92b2fa58028958317e408bd84ecfa70f5ee35b121991dbc232c49d166353708b",
    }


def test_another_picture_takes_the_place_of_the_first(store: AvatarStore) -> None:
    assert put(store, "ann")
    assert not put(store, "ann", b"another")
    assert store.image("ann")[1] == b"another"
    assert len(files(store, "ann")) == 3
    with pytest.raises(NameTakenError, match="there is an avatar 'ann' already"):
        put(store, "ann", replace=False)
    assert store.image("ann")[1] == b"another"


def test_names_that_a_file_system_may_take_for_the_same(store: AvatarStore) -> None:
    put(store, "ann")
    with pytest.raises(NameTakenError, match="'ann', which differs only in case"):
        put(store, "Ann")
    with pytest.raises(UnknownAvatarError):
        store.get("Ann")


def test_names_lead_nowhere_else(store: AvatarStore) -> None:
    put(store, "ann")
    for name in ("..", ".", "", "../avatars/ann", "ann/", "/", "ann\0"):
        assert not store.has(name)
        with pytest.raises(UnknownAvatarError):
            store.remove(name)
    assert store.has("ann")


def test_only_so_many_and_only_so_much(store: AvatarStore) -> None:
    put(store, "ann")
    put(store, "bob", bytes(900_000))
    with pytest.raises(NoRoomError, match="found 2 avatars, expected at most 2: delete one"):
        put(store, "cid")
    put(store, "ann", b"anew, in its own place")
    with pytest.raises(NoRoomError, match=r"and 200009 of this one, expected at most 1000000"):
        put(store, "ann", bytes(200_000))
    assert store.image("ann")[1] == b"anew, in its own place"
    store.remove("bob")
    put(store, "cid", bytes(200_000))


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("avatar.json", b"{", r"avatar.json: Invalid JSON"),
        ("avatar.json", None, "avatar.json is not there"),
        ("avatar.json", {"version": 2}, "version: Input should be 1"),
        ("avatar.json", {"name": "bob"}, "it is the avatar 'bob'"),
        ("avatar.json", {"more": 1}, "more: Unexpected keyword argument"),
        ("avatar.json", {"settings": {"head_speed": 2}}, "settings.head_speed: "),
        ("avatar.json", {"consent": None}, "consent: "),
        ("*.image", None, r"[0-9a-f]{64}\.image is not there"),
        ("*.jpg", None, r"[0-9a-f]{64}\.still\.jpg is not there"),
    ],
)
def test_what_is_damaged_is_told_and_the_others_are_not(
    store: AvatarStore, file: str, content: object, says: str
) -> None:
    put(store, "ann")
    put(store, "bob")
    path = next((store.folder / "ann").glob(file))
    match content:
        case None:
            path.unlink()
        case bytes():
            path.write_bytes(content)
        case dict():
            path.write_text(json.dumps(json.loads(path.read_text()) | content))
    records, damaged = store.all()
    assert [record.name for record in records] == ["bob"]
    with pytest.raises(DamagedAvatarError, match=says) as caught:
        store.get("ann")
    assert [str(error) for error in damaged] == [str(caught.value)]
    assert str(store.folder / "ann") in str(caught.value)
    with pytest.raises(NoRoomError):
        put(store, "cid")
    put(store, "ann")
    assert store.image("ann")[1] == IMAGE
    path.unlink(missing_ok=True)
    store.remove("ann")
    assert not store.has("ann")


def test_a_picture_that_is_not_the_one_consented_to_is_not_used(store: AvatarStore) -> None:
    put(store, "ann")
    next((store.folder / "ann").glob("*.image")).write_bytes(b"another picture")
    with pytest.raises(DamagedAvatarError, match=r"\.image is another picture"):
        store.image("ann")


def test_a_folder_that_cannot_be_used_is_told(store: AvatarStore, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(AvatarStoreError, match=r"avatars.*Not a directory: .*XDG_DATA_HOME"):
        put(store, "ann")


def test_what_was_not_written_whole_leaves_what_was_there(
    store: AvatarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "ann")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "avatar.json")

    with monkeypatch.context() as patched:
        patched.setattr(AvatarStore, "_write_record", full)
        with pytest.raises(AvatarStoreError, match="No space left on device"):
            put(store, "ann", b"another")
    assert store.image("ann")[1] == IMAGE
    put(store, "ann", b"a third")
    assert len(files(store, "ann")) == 3
