"""How long a push waits before it tries again, in a time and by a chance that the test makes."""

import asyncio
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from server.broadcast import Broadcast, Rendition, Seat
from server.config import Config, VideoConfig, VoiceConfig
from server.metrics import Metrics
from server.outgoing_config import PublishConfig, PushConfig
from server.performance import Performance
from server.performances import Performances
from server.push import Push, PushState
from server.sdp import VideoCodec
from server.services import Services
from server.tracks import picture_track, voice_track
from server.whip_client import PushError

LOST = PushError("lost")


class Waits:
    """One push; ``after`` is how long it waits after an attempt that came to an error."""

    def __init__(self, config: PushConfig) -> None:
        self.now_s = 100.0
        self.chance = 1.0
        services = SimpleNamespace(config=Config(push=config), metrics=Metrics())
        self.push = Push(
            "first",
            PublishConfig(url="http://studio.example/"),
            cast(Services, services),
            cast(Performances, None),
            cast(httpx.AsyncClient, None),
            clock=lambda: self.now_s,
            jitter=lambda: self.chance,
        )

    def after(self, *errors: PushError) -> list[float | None]:
        return [self.push._note_failure(error) for error in errors]


def test_each_wait_is_twice_as_long_up_to_the_longest() -> None:
    waits = Waits(PushConfig(first_retry_s=1, max_retry_s=10))
    assert waits.after(*[LOST] * 6) == [1, 2, 4, 8, 10, 10]
    assert waits.push.state is PushState.WAITING


@pytest.mark.parametrize(("chance", "expected"), [(0.0, [0.5, 1, 2]), (0.5, [0.75, 1.5, 3])])
def test_up_to_half_of_a_wait_is_left_out_by_chance(chance: float, expected: list[float]) -> None:
    waits = Waits(PushConfig(first_retry_s=1, max_retry_s=10))
    waits.chance = chance
    assert waits.after(LOST, LOST, LOST) == expected


def test_a_server_that_says_when_is_not_asked_sooner() -> None:
    waits = Waits(PushConfig(first_retry_s=1, max_retry_s=10))
    busy = PushError("busy", retry_after_s=6.5)
    assert waits.after(busy, busy, busy, busy) == [6.5, 6.5, 6.5, 8]


@pytest.mark.parametrize("retry_after_s", [100.0, float("inf")])
def test_a_server_that_says_when_is_asked_at_the_longest_wait_at_the_latest(
    retry_after_s: float,
) -> None:
    waits = Waits(PushConfig(first_retry_s=1, max_retry_s=10))
    assert waits.after(PushError("busy", retry_after_s=retry_after_s)) == [10]


def test_a_server_that_refuses_is_asked_again_much_later() -> None:
    waits = Waits(PushConfig(refused_retry_s=300))
    waits.chance = 0.0
    refusal = PushError("no", is_refusal=True, retry_after_s=1)
    assert waits.after(refusal, refusal) == [300, 300]
    assert waits.push.state is PushState.FAILED


def test_after_so_many_failures_in_a_row_it_waits_for_ever() -> None:
    waits = Waits(PushConfig(first_retry_s=1, max_attempts=3))
    assert waits.after(LOST, LOST, LOST) == [1, 2, None]
    assert waits.push.state is PushState.FAILED


@pytest.mark.parametrize(("held_s", "expected"), [(29.0, 8), (30.0, 1)])
async def test_a_connection_that_held_for_long_begins_with_short_waits_again(
    held_s: float, expected: float
) -> None:
    waits = Waits(PushConfig(first_retry_s=1))
    waits.after(LOST, LOST, LOST)
    broadcast = Broadcast(VideoConfig(), VoiceConfig(), Metrics())
    performance = cast(Performance, SimpleNamespace(broadcast=broadcast, on_end=set()))
    seat, gone = Seat(Rendition(VideoCodec.VP8), picture_track(), voice_track()), asyncio.Event()
    sending = asyncio.create_task(waits.push._send(performance, seat, gone))
    await asyncio.sleep(0)
    assert (waits.push.state, broadcast.viewers) == (PushState.CONNECTED, 1)
    assert waits.push.retry_in_s is None
    waits.now_s += held_s
    gone.set()
    await sending
    assert (broadcast.viewers, performance.on_end) == (0, set())
    assert waits.after(LOST) == [expected]


async def test_it_tells_how_long_it_still_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits(PushConfig(first_retry_s=1000, max_retry_s=1000))

    async def lose() -> None:
        raise LOST

    monkeypatch.setattr(waits.push, "_attempt", lose)
    running = asyncio.create_task(waits.push.run())
    await asyncio.sleep(0)
    assert (waits.push.state, waits.push.attempts) == (PushState.WAITING, 1)
    assert waits.push.retry_in_s == 1000
    waits.now_s += 400
    assert waits.push.retry_in_s == 600
    waits.now_s += 700
    assert waits.push.retry_in_s == 0
    running.cancel()
    await asyncio.wait([running])
