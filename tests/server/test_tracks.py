import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError

from server.tracks import picture_track, voice_track


async def test_packets_come_out_in_order_with_their_time() -> None:
    track = picture_track()
    assert track.kind == "video"
    receiving = asyncio.create_task(track.recv())
    track.put(b"one", 3600)
    track.put(b"two", 7200)
    first, second = await receiving, await track.recv()
    assert (bytes(first), first.pts, first.time_base) == (b"one", 3600, track.time_base)
    assert (bytes(second), second.pts) == (b"two", 7200)


async def test_a_slow_sender_loses_the_oldest_beyond_200_ms() -> None:
    track = voice_track()
    kept = [track.put(bytes([i]), i * 960) for i in range(12)]
    assert kept == [True] * 10 + [False] * 2
    assert track.dropped_packets == 2
    assert [(await track.recv()).pts for _ in range(10)] == [i * 960 for i in range(2, 12)]


async def test_a_stopped_track_gives_nothing() -> None:
    track = voice_track()
    track.put(b"x", 0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_receiving_can_be_cancelled_and_nothing_is_lost() -> None:
    track = voice_track()
    receiving = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    receiving.cancel()
    await asyncio.wait([receiving])
    track.put(b"x", 5)
    assert (await track.recv()).pts == 5
