"""Who ends waits until all that was said was heard, and no longer than that can take."""

import asyncio
import logging

import pytest

from server.adapters import last_words
from server.adapters.last_words import LastWords

RATE = 24_000
SECOND = bytes(2 * RATE)


@pytest.fixture(autouse=True)
def no_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_words, "_BEHIND_S", 0.0)


async def waiting(words: LastWords) -> asyncio.Task[None]:
    """Wait for them in a task that has come as far as it can without being told."""
    task = asyncio.create_task(words.wait())
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def over(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(20):
        await task


async def test_where_nothing_was_said_nobody_waits() -> None:
    words = LastWords(RATE)
    words.say(b"")
    words.end()
    assert (await waiting(words)).done()


async def test_the_last_of_them_is_waited_for() -> None:
    words = LastWords(RATE)
    for _ in range(2):
        words.say(SECOND)
        words.say(SECOND)
        words.end()
    task = await waiting(words)
    words.finish(1)
    assert not (await waiting(words)).done()
    assert not task.done()
    words.finish(2)
    await over(task)
    words.say(SECOND)
    assert not (await waiting(words)).done()


async def test_what_was_cut_off_is_not_waited_for() -> None:
    words = LastWords(RATE)
    words.say(SECOND)
    task = await waiting(words)
    words.clear()
    await over(task)
    assert not words.is_open
    # It has its number all the same.
    words.say(SECOND)
    words.end()
    words.finish(1)
    task = await waiting(words)
    assert not task.done()
    words.finish(2)
    await over(task)


async def test_what_is_never_told_is_given_up_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(last_words, "_GRACE_S", 0.01)
    words = LastWords(RATE)
    words.say(SECOND[: RATE // 10])
    words.end()
    with caplog.at_level(logging.WARNING):
        await over(await waiting(words))
    assert "cut off" in caplog.text
