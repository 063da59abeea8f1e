"""Which signs of a caller keep a call, in a time that the test makes: see ``test_idle``."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from server import messages
from server.idle import IdleWatch
from tests.server.caller import Caller
from tests.server.conftest import Serve


class Watch(IdleWatch):
    """The watch of a call: hours pass when a test says so. ``signs`` are those that came."""

    now_s = 0.0

    def __init__(self, idle_timeout_s: float, no_microphone_timeout_s: float) -> None:
        super().__init__(idle_timeout_s, no_microphone_timeout_s, lambda: self.now_s)
        self.heard = asyncio.Event()
        self.ended = asyncio.Event()

    def note_sound(self, pcm: NDArray[np.int16]) -> None:
        super().note_sound(pcm)
        self.heard.set()

    def note_microphone_ended(self) -> None:
        super().note_microphone_ended()
        self.ended.set()


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> list[Watch]:
    """The watches of all calls, in order."""
    made: list[Watch] = []

    def make(idle_timeout_s: float, no_microphone_timeout_s: float) -> Watch:
        made.append(Watch(idle_timeout_s, no_microphone_timeout_s))
        return made[-1]

    monkeypatch.setattr("server.session.IdleWatch", make)
    return made


async def until(sign: asyncio.Event) -> None:
    async with asyncio.timeout(20):
        await sign.wait()


async def test_who_talks_is_there(serve: Serve, watches: list[Watch]) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until_sound(lambda rms: rms > 5000)
        (watch,) = watches
        watch.now_s += 1799
        watch.heard.clear()
        await until(watch.heard)
        assert watch.left_s == running.server.services.config.call.idle_timeout_s == 1800


async def test_who_is_silent_but_uses_a_control_is_there(
    serve: Serve, watches: list[Watch]
) -> None:
    async with serve() as running, Caller(running.http) as caller:
        caller.speaker.loud = False
        await caller.connect()
        (watch,) = watches
        watch.now_s += 1000
        watch.heard.clear()
        await until(watch.heard)
        assert watch.left_s == 800
        caller.say('{"type":"portrait","id":"second"}')
        await caller.until_message(messages.PortraitSelected)
        assert watch.left_s == 1800


async def test_who_ends_the_microphone_is_there_for_a_while(
    serve: Serve, watches: list[Watch]
) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        (watch,) = watches
        await caller.peer.getTransceivers()[0].sender.stop()
        await until(watch.ended)
        assert watch.left_s == running.server.services.config.call.no_microphone_timeout_s == 60
