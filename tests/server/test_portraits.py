import asyncio
import contextlib
import dataclasses
import io
import threading
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest
from PIL import Image

from model.identity.identity import Identity
from server import session
from server.app import CLIENT_WEB
from server.config import PortraitConfig, TrustConfig
from server.consent import WORDS
from server.detect import examine
from server.portraits import PortraitFile, Portraits, built_in, prepare
from server.problems import Problem
from server.warm_up import prepare_portraits
from tests.server.caller import Caller
from tests.server.conftest import CONFIG, Serve, form
from tests.server.fakes import SIZE_PX, FakeAvatar, FakeIdentity

JPEG = {"Content-Type": "image/jpeg"}
FORM = {"Content-Type": "multipart/form-data"}


class SlowAvatar(FakeAvatar):
    """Waits with every portrait until told to go on; counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.identified = 0

    def identify(self, image: bytes, size_px: int = SIZE_PX) -> Identity:
        assert self.go.wait(10)
        self.identified += 1
        return super().identify(image, size_px)


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def avatar() -> SlowAvatar:
    avatar = SlowAvatar()
    avatar.go.set()
    return avatar


@pytest.fixture
def store(
    avatar: SlowAvatar, clock: list[float], portrait_files: list[PortraitFile]
) -> Iterator[Portraits]:
    config = PortraitConfig(max_uploads=2, upload_ttl_s=100)
    portraits = Portraits(avatar, portrait_files, config, SIZE_PX, lambda: clock[0])
    yield portraits
    avatar.go.set()
    portraits.close()


async def known(store: Portraits, portrait_id: str) -> bool:
    try:
        await store.get(portrait_id)
    except Problem as problem:
        return problem.status != HTTPStatus.NOT_FOUND
    return True


async def test_a_file_is_prepared_once_also_for_two_at_the_same_time(
    store: Portraits, avatar: SlowAvatar
) -> None:
    first, again = await asyncio.gather(store.get("second"), store.get("second"))
    assert first is again
    assert await store.get("second") is first
    assert avatar.identified == 1
    still = Image.open(io.BytesIO(first.still_jpeg))
    assert still.size == (SIZE_PX, SIZE_PX)


async def test_the_least_used_upload_makes_room(store: Portraits, clock: list[float]) -> None:
    ids = []
    for second in range(2):
        clock[0] = second
        ids.append((await store.add(b"FACE\x01")).id)
    clock[0] = 2
    await store.get(ids[0])
    clock[0] = 3
    newest = (await store.add(b"FACE\x02")).id
    assert [await known(store, i) for i in (*ids, newest)] == [True, False, True]


async def test_uploads_are_forgotten_after_a_time_without_use(
    store: Portraits, clock: list[float]
) -> None:
    upload = await store.add(b"FACE\x01")
    clock[0] = 90
    assert await known(store, upload.id)
    clock[0] = 180
    assert await known(store, upload.id)
    clock[0] = 281
    assert not await known(store, upload.id)
    assert await known(store, "first")


async def test_ids_cannot_be_guessed(store: Portraits) -> None:
    ids = {(await store.add(b"FACE\x01")).id for _ in range(5)}
    assert len(ids) == 5
    assert min(map(len, ids)) >= 20


async def test_too_many_at_once_are_asked_to_come_back(
    store: Portraits, avatar: SlowAvatar
) -> None:
    with contextlib.ExitStack() as uploads:
        for _ in range(4):
            uploads.enter_context(store.upload_place())
        with pytest.raises(Problem, match="4 portraits are being uploaded") as caught:
            uploads.enter_context(store.upload_place())
        assert caught.value.status == 503
        assert "Retry-After" in caught.value.headers
        assert (await store.get("second")).id == "second", "a file is not refused for uploads"
    with store.upload_place():
        await store.add(b"FACE\x01")


async def test_a_file_that_has_gone_is_a_problem_of_that_file(
    store: Portraits, portrait_files: list[PortraitFile]
) -> None:
    portrait_files[1].path.unlink()
    with pytest.raises(Problem, match="cannot read the portrait 'second': No such file"):
        await store.get("second")
    assert await known(store, "first")


async def test_files_are_prepared_ahead_even_if_one_of_them_is_gone(
    store: Portraits,
    avatar: SlowAvatar,
    portrait_files: list[PortraitFile],
    caplog: pytest.LogCaptureFixture,
) -> None:
    portrait_files[0].path.unlink()
    await prepare_portraits(store)
    assert avatar.identified == 1
    assert "a portrait cannot be used" in caplog.text
    await store.get("second")
    assert avatar.identified == 1


async def test_files_are_prepared_ahead_whatever_is_raised_at_one_of_them(
    store: Portraits,
    avatar: SlowAvatar,
    portrait_files: list[PortraitFile],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A face without a shade, at which the fake fails.
    portrait_files[0].path.write_bytes(b"FACE")
    await prepare_portraits(store)
    assert "IndexError" in caplog.text
    identified = avatar.identified
    await store.get("second")
    assert avatar.identified == identified


async def test_an_upload_holds_its_place_while_it_is_sent(serve: Serve) -> None:
    sending, go_on = asyncio.Event(), asyncio.Event()
    whole = httpx.Request("POST", "http://localhost", **form())

    async def body() -> AsyncIterator[bytes]:
        yield whole.read()[:10]
        sending.set()
        await go_on.wait()
        yield whole.read()[10:]

    async with serve() as running:
        store = running.server.services.portraits
        headers = {"Content-Type": whole.headers["Content-Type"]}
        upload = asyncio.create_task(
            running.http.post("/v1/portraits", content=body(), headers=headers)
        )
        await sending.wait()
        with contextlib.ExitStack() as uploads:
            for _ in range(3):
                uploads.enter_context(store.upload_place())
            with pytest.raises(Problem, match="4 portraits are being uploaded"):
                uploads.enter_context(store.upload_place())
        go_on.set()
        assert (await upload).status_code == 201


def test_the_built_in_portraits_are_there() -> None:
    files = built_in(CLIENT_WEB)
    assert [file.id for file in files] == ["astronaut", "morisot"]
    assert all(file.credit and Path(file.path).is_file() for file in files)


async def test_over_http(serve: Serve) -> None:
    async with serve() as running:
        http = running.http
        assert (await http.get("/v1/portraits")).json() == [
            {
                "id": name,
                "title": name.title(),
                "credit": "nobody",
                "image_url": f"/v1/portraits/{name}/image",
            }
            for name in ("first", "second")
        ]
        created = await http.post("/v1/portraits", **form(b"FACE\x07"))
        assert created.status_code == 201
        image = await http.get(created.json()["image_url"])
        assert image.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(image.content)).size == (SIZE_PX, SIZE_PX)
        assert len((await http.get("/v1/portraits")).json()) == 2


async def test_a_client_that_cannot_tell_a_type_may_upload(serve: Serve) -> None:
    async with serve() as running:
        sent = form(b"FACE\x07", media_type="application/octet-stream")
        assert (await running.http.post("/v1/portraits", **sent)).status_code == 201


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        (form(b"a cat"), 422, "found no face"),
        (form(media_type="text/plain"), 415, "text/plain, expected image/*"),
        (
            {"content": b"FACE\x01", "headers": JPEG},
            415,
            "image/jpeg, expected multipart/form-data",
        ),
        ({}, 415, "(none), expected multipart/form-data"),
        (form(b"FACE" + bytes(100_000)), 413, "a picture of 100004 bytes, expected at most 100000"),
        (form(b"FACE" + bytes(300_000)), 413, "more than 231072 bytes"),
        (form(consent=""), 422, "found other words (''), expected the field 'consent' with"),
        (form(consent="yes"), 422, f"exactly these, if they are true: {WORDS}"),
        (form(declared_by="x" * 101), 422, "a declared_by of 101 characters, expected a name of 1"),
        ({"data": {"consent": WORDS}, "files": {"picture": b"FACE"}}, 422, "as the file 'image'"),
        ({"files": {"image": ("me.jpg", b"FACE\x01", "image/jpeg")}}, 422, "found no consent"),
        (form(extra="x" * 5000), 400, "Part exceeded maximum size"),
        ({"content": b"no form", "headers": FORM}, 400, "Missing boundary"),
    ],
)
async def test_refused_uploads(serve: Serve, sent: Any, status: int, says: str) -> None:
    config = dataclasses.replace(CONFIG, portraits=PortraitConfig(max_upload_bytes=100_000))
    async with serve(config) as running:
        response = await running.http.post("/v1/portraits", **sent)
        assert response.status_code == status
        assert response.headers["Content-Type"] == "application/problem+json"
        assert says in response.json()["detail"]
        assert (await running.http.get("/v1/portraits/nobody/image")).status_code == 404


@pytest.mark.parametrize("trust", [TrustConfig(), TrustConfig(watermark=False)])
def test_the_still_is_marked_as_the_stream_is(
    portrait: bytes, tmp_path: Path, trust: TrustConfig
) -> None:
    class Photographed(FakeAvatar):
        def identify(self, image: bytes, size_px: int = SIZE_PX) -> Identity:
            photograph = Image.open(io.BytesIO(image)).resize((size_px, size_px))
            return cast(Identity, FakeIdentity(0, np.asarray(photograph)))

    path = tmp_path / "still.jpg"
    made = prepare(Photographed(), "first", "First", "", portrait, SIZE_PX, trust)
    path.write_bytes(made.still_jpeg)
    assert examine(path).watermark.is_found is trust.watermark


async def test_what_a_call_shows_is_in_use(
    serve: Serve, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_NOTE_USE_S", 0.05)
    config = dataclasses.replace(CONFIG, portraits=PortraitConfig(max_uploads=2, upload_ttl_s=100))
    async with serve(config) as running, Caller(running.http) as caller:
        store = running.server.services.portraits
        monkeypatch.setattr(store, "_clock", lambda: clock[0])
        shown, other = [await store.add(b"FACE\x01") for _ in range(2)]
        await caller.connect(portrait=shown.id)
        clock[0] = 90
        await caller.until(lambda: store._uploads[shown.id].used_s == 90)
        clock[0] = 150
        await running.http.delete(caller.location)
        assert not await known(store, other.id)
        clock[0] = 240
        assert await known(store, shown.id)
