"""An avatar that is given something to say, and who listens to what becomes of it."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from server.config import Config, SpeechConfig
from tests.server.conftest import CONFIG, Running, Serve
from tests.server.listening import Events, listening, online

SAY = "/v1/avatars/first/say"


def with_speech(**changes: Any) -> Config:
    return dataclasses.replace(CONFIG, speech=SpeechConfig(**changes))


async def say(running: Running, text: str, **more: Any) -> httpx.Response:
    return await running.http.post(SAY, json={"text": text, **more})


async def queue(running: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await running.http.get(SAY)).json()["sentences"]
    return found


@dataclass
class Listened:
    running: Running
    events: Events


@contextlib.asynccontextmanager
async def listened(serve: Serve, config: Config = CONFIG) -> AsyncIterator[Listened]:
    async with (
        serve(config) as running,
        online(running.server.app) as url,
        listening(url, "first") as events,
    ):
        yield Listened(running, events)
