import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from server.body import JSON, read_body
from server.problems import Problem


class Dripping:
    """A request whose body begins, and never goes on."""

    def __init__(self) -> None:
        headers = [(b"content-type", JSON.encode())]
        self.begins = True
        self.request = Request({"type": "http", "method": "POST", "headers": headers}, self.receive)

    async def receive(self) -> Message:
        if not self.begins:
            await asyncio.Event().wait()
        self.begins = False
        return {"type": "http.request", "body": b"x", "more_body": True}


async def test_a_body_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.body._TIMEOUT_S", 0.01)
    with pytest.raises(Problem, match=r"not here after 0.01 s.*send it faster") as caught:
        await read_body(Dripping().request, JSON, 1000)
    assert (caught.value.status, caught.value.code) == (408, "upload-too-slow")
