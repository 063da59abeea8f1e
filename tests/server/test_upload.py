import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from server.problems import Problem
from server.upload import read_upload

PICTURE = bytes(range(256)) * 4096


def request_with(sent: httpx.Request) -> Request:
    """Return the request as the server gets it, in pieces of 100 000 bytes."""
    body = sent.read()
    pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]

    async def receive() -> Message:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    headers = [(name.lower(), value) for name, value in sent.headers.raw]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def form(**fields: str) -> httpx.Request:
    files = {"image": ("me.jpg", PICTURE, "image/jpeg")}
    return httpx.Request("POST", "http://localhost", files=files, data=fields)


async def test_picture_and_fields_come_apart_as_they_were() -> None:
    upload = await read_upload(request_with(form(words="día", more="")), len(PICTURE))
    assert upload.image == PICTURE
    assert upload.fields == {"words": "día", "more": ""}


async def test_a_picture_is_as_long_as_allowed_and_no_longer() -> None:
    with pytest.raises(Problem, match="1048576 bytes, expected at most 1048575") as caught:
        await read_upload(request_with(form()), len(PICTURE) - 1)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    "fields", [{"a": "x" * 5000}, {f"field{i}": "" for i in range(17)}], ids=["long", "many"]
)
async def test_fields_are_bounded(fields: dict[str, str]) -> None:
    with pytest.raises(Problem, match="found no proper multipart/form-data") as caught:
        await read_upload(request_with(form(**fields)), len(PICTURE))
    assert caught.value.status == 400


async def test_who_sends_too_slowly_is_asked_for_a_smaller_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("server.upload._TIMEOUT_S", 0)
    headers = request_with(form()).scope["headers"]
    slow = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    with pytest.raises(Problem, match="send a smaller one") as caught:
        await read_upload(slow, len(PICTURE))
    assert (caught.value.status, caught.value.code) == (408, "upload-too-slow")


async def test_others_go_on_while_a_large_form_is_read() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    going_on = asyncio.create_task(other())
    await read_upload(request_with(form()), len(PICTURE))
    going_on.cancel()
    # One for each 64 KiB of 1 MiB.
    assert turns >= 16
