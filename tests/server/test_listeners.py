"""Who listens to a presenter: bounded, and let go when it does not keep up."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.listeners import Event, EventResponse, Listener, Listeners
from server.problems import Problem


async def test_a_listener_that_does_not_keep_up_is_let_go() -> None:
    listeners = Listeners()
    listener = listeners.join(Event("queue", {}))
    for _ in range(1001):
        listeners.tell(Event("paused", {}))
    assert len(listeners) == 0
    while listener.waiting.get_nowait() is not None:
        pass


async def test_listeners_are_bounded() -> None:
    listeners = Listeners()
    for _ in range(100):
        listeners.join(Event("queue", {}))
    with pytest.raises(Problem, match="100 listen already"):
        listeners.join(Event("queue", {}))


async def test_while_nothing_is_told_a_sign_of_life_keeps_the_connection() -> None:
    listeners = Listeners()
    body = aiter(EventResponse(listeners, Event("queue", {}), beat_s=0).body_iterator)
    paused = Event("paused", {"paused": True})
    async with asyncio.timeout(20):
        assert await anext(body) == b"event: queue\ndata: {}\n\n"
        # A line that begins with a colon is a comment (WHATWG HTML section 9.2.6).
        assert [await anext(body) for _ in range(2)] == [b": still here\n\n"] * 2
        listeners.tell(paused)
        assert await anext(body) == paused.encode()
        listeners.close()
        with pytest.raises(StopAsyncIteration):
            await anext(body)


async def test_a_sign_of_life_comes_before_proxies_give_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beats: list[float] = []

    async def sent(_: Listener, beat_s: float) -> AsyncIterator[bytes]:
        beats.append(beat_s)
        yield b""

    monkeypatch.setattr("server.listeners._sent", sent)
    await anext(aiter(EventResponse(Listeners(), Event("queue", {})).body_iterator))
    assert beats[0] < 60
