"""The client of the adapters, with a real server; only the model is a fake."""

import asyncio
import re
import urllib.request
from collections.abc import Callable

import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from server.adapters import watcher
from server.adapters.client import AvatarClient, AvatarError, Received
from server.adapters.watcher import Watcher
from server.voice_messages import PlaybackFinished, PlaybackStarted
from tests.server.conftest import Serve
from tests.server.sockets import listening, tone


async def first(client: AvatarClient, wanted: Callable[[Received], bool]) -> Received:
    async with asyncio.timeout(30):
        async for received in client:
            if wanted(received):
                return received
    raise AssertionError


def is_bright(received: Received) -> bool:
    return isinstance(received, VideoFrame) and bool(
        received.to_ndarray(format="rgb24")[..., 1].mean() > 150
    )


def is_loud(received: Received) -> bool:
    return isinstance(received, AudioFrame) and bool(np.abs(received.to_ndarray()).max() > 5000)


async def test_it_speaks_and_sees_and_hears(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        client = AvatarClient(f"http://{address}", "first")
        await client.connect()
        try:
            await client.say(tone(8))
            await client.end()
            await first(client, lambda r: isinstance(r, PlaybackStarted))
            await first(client, is_loud)
            await first(client, is_bright)
            await client.clear()
            finished = await first(client, lambda r: isinstance(r, PlaybackFinished))
            assert isinstance(finished, PlaybackFinished)
            assert finished.interrupted
        finally:
            await client.aclose()


async def test_a_refusal_and_an_end_are_told(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        nobody = AvatarClient(f"http://{address}", "nobody")
        with pytest.raises(AvatarError, match="nobody"):
            await nobody.connect()
        client = AvatarClient(f"http://{address}", "first")
        with pytest.raises(AvatarError, match="connect"):
            await client.end()
        await client.connect()
        try:
            await running.http.delete("/v1/avatars/first/live")
            with pytest.raises(AvatarError, match="live no more"):
                await first(client, lambda _: False)
        finally:
            await client.aclose()
    late = AvatarClient(f"http://{address}", "first")
    with pytest.raises(AvatarError, match="cannot reach the avatar"):
        await late.connect()


async def test_who_takes_slowly_is_told_of_every_utterance(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as running, listening(running) as address:
        client = AvatarClient(f"http://{address}", "first")
        piled_up = asyncio.Event()
        put = client._inbox.put

        def put_and_look(received: Received | AvatarError) -> None:
            put(received)
            if client.dropped > 150:
                piled_up.set()

        monkeypatch.setattr(client._watcher, "_on_media", put_and_look)
        await client.connect()
        try:
            await client.say(tone(0.3))
            await client.end()
            async with asyncio.timeout(30):
                await piled_up.wait()
            told = await first(client, lambda r: isinstance(r, PlaybackStarted))
            assert told == PlaybackStarted(utterance=1)
            finished = await first(client, lambda r: isinstance(r, PlaybackFinished))
            assert isinstance(finished, PlaybackFinished)
            assert not finished.interrupted
        finally:
            await client.aclose()


def rewrite_candidates(monkeypatch: pytest.MonkeyPatch, pattern: str, replacement: str) -> None:
    """Let client and server know each other by other ICE candidates than they have."""
    real = watcher._post

    def post(request: urllib.request.Request) -> str:
        assert isinstance(request.data, bytes)
        request.data = re.sub(pattern, replacement, request.data.decode()).encode()
        return re.sub(pattern, replacement, real(request))

    monkeypatch.setattr(watcher, "_post", post)


async def check_there_is_no_way(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        client = AvatarClient(f"http://{address}", "first")
        with pytest.raises(AvatarError, match="let UDP through"):
            await client.connect()


async def test_a_network_that_refuses_udp_is_told(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite_candidates(monkeypatch, "a=candidate.*\r\n", "")
    await check_there_is_no_way(serve)


async def test_a_network_that_swallows_udp_is_told(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_WAY_TIMEOUT_S", 0.5)
    # RFC 5737: an address of nobody.
    rewrite_candidates(monkeypatch, r"(a=candidate:\S+ \d+ \S+ \d+) \S+ \d+", r"\g<1> 192.0.2.1 9")
    await check_there_is_no_way(serve)


async def test_a_connection_that_is_lost_is_told(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        client = AvatarClient(f"http://{address}", "first")
        await client.connect()
        try:
            await first(client, lambda r: isinstance(r, VideoFrame))
            await running.server.viewers.aclose()
            with pytest.raises(AvatarError, match="sound and picture was closed"):
                await first(client, lambda _: False)
        finally:
            await client.aclose()


async def test_who_leaves_is_not_told_that_it_is_lost(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        await running.http.put("/v1/avatars/first/live")
        lost: list[AvatarError] = []
        watching = Watcher(f"http://{address}/whep/first", {}, lambda _: None, lost.append)
        await watching.connect()
        await watching.aclose()
        assert lost == []


def test_a_rate_that_the_server_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="found speech at 22050 Hz, expected 16000, 24000"):
        AvatarClient("http://localhost", "first", sample_rate=22_050)
