"""The client of the adapters, with a real server; only the model is a fake."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from server.adapters.client import AvatarClient, AvatarError, Received
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


def test_a_rate_that_the_server_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="found speech at 22050 Hz, expected 16000, 24000"):
        AvatarClient("http://localhost", "first", sample_rate=22_050)
