"""What waits for who iterates over an avatar: all that is told, and of media the newest."""

import asyncio
import logging

import pytest
from av import AudioFrame

from server.adapters.inbox import AvatarError, Inbox, Received
from server.voice_messages import PlaybackFinished, PlaybackStarted

STARTED = PlaybackStarted(utterance=1)
FINISHED = PlaybackFinished(utterance=1, position_ms=20.0, interrupted=False)


def packet(number: int) -> AudioFrame:
    frame = AudioFrame(format="s16", layout="stereo", samples=960)
    frame.pts = number
    return frame


async def take_all(inbox: Inbox) -> list[Received | AvatarError]:
    """Everything up to the first AvatarError, and that."""
    taken: list[Received | AvatarError] = []
    try:
        while True:
            taken.append(await inbox.take())
    except AvatarError as error:
        return [*taken, error]


async def test_only_media_is_dropped_and_the_newest_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inbox = Inbox()
    gone = AvatarError("gone")
    inbox.put(STARTED)
    with caplog.at_level(logging.WARNING):
        for number in range(100):
            inbox.put(packet(number))
            if number == 79:
                inbox.put(FINISHED)
    inbox.put(gone)
    for number in range(100, 150):
        inbox.put(packet(number))
    taken = await take_all(inbox)
    assert [taken[0], taken[1], taken[-1]] == [STARTED, FINISHED, gone]
    assert len(taken) == 3, "the newest 40 came after the error"
    left = [await inbox.take() for _ in range(40)]
    assert [frame.pts for frame in left if isinstance(frame, AudioFrame)] == list(range(110, 150))
    assert inbox.dropped == 110
    assert len(caplog.records) == 1, "told once, however much it is"


async def test_messages_keep_their_place_among_media() -> None:
    inbox = Inbox()
    gone = AvatarError("gone")
    sent: list[Received | AvatarError] = [packet(0), STARTED, packet(1), FINISHED, gone]
    for received in sent:
        inbox.put(received)
    assert await take_all(inbox) == sent


async def test_who_waits_gets_what_comes() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(STARTED)
    assert await waiting == STARTED
