import asyncio

import numpy as np
import pytest

from server.idle import IdleWatch

LOUD = np.full((480, 1), 3000, np.int16)
QUIET = np.full((480, 1), 20, np.int16)


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
async def watch(clock: list[float]) -> IdleWatch:
    return IdleWatch(1800, 60, lambda: clock[0])


async def test_silence_is_no_sign_of_life_but_lasts_long(
    watch: IdleWatch, clock: list[float]
) -> None:
    clock[0] = 600
    watch.note_sound(QUIET)
    watch.note_sound(QUIET[:0])
    assert watch.left_s == 1200


async def test_sound_and_wishes_are(watch: IdleWatch, clock: list[float]) -> None:
    clock[0] = 600
    watch.note_sound(LOUD)
    assert watch.left_s == 1800
    clock[0] = 700
    watch.note_wish()
    assert watch.left_s == 1800


async def test_without_a_microphone_it_is_over_sooner(watch: IdleWatch, clock: list[float]) -> None:
    clock[0] = 600
    watch.note_microphone_ended()
    assert watch.left_s == 60
    clock[0] = 650
    watch.note_wish()
    assert watch.left_s == 60


async def test_waiting_ends_when_the_time_is_over(watch: IdleWatch, clock: list[float]) -> None:
    waiting = asyncio.create_task(watch.until_abandoned())
    await asyncio.sleep(0)
    assert not waiting.done()
    watch.note_microphone_ended()
    clock[0] = 61
    await asyncio.wait_for(waiting, 10)


async def test_waiting_wakes_by_itself() -> None:
    await asyncio.wait_for(IdleWatch(0.05, 0.05).until_abandoned(), 10)
    ended = IdleWatch(1800, 0.05)
    ended.note_microphone_ended()
    await asyncio.wait_for(ended.until_abandoned(), 10)


async def test_a_cancellation_that_comes_with_the_end_of_the_microphone_counts(
    watch: IdleWatch,
) -> None:
    waiting = asyncio.create_task(watch.until_abandoned())
    await asyncio.sleep(0)
    watch.note_microphone_ended()
    waiting.cancel()
    await asyncio.wait([waiting], timeout=10)
    assert waiting.cancelled()
