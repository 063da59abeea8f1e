"""Packets that are lost or overtaken on the way, through the receiver that calls have."""

import itertools
from collections.abc import Awaitable, Callable

import pytest
from aiortc.rtp import RtpPacket, is_rtcp

from server.arrivals import Arrivals, Timestamps
from tests.server.caller import RATE, Caller
from tests.server.conftest import Serve

Send = Callable[[bytes], Awaitable[None]]


def packet(number: int) -> RtpPacket:
    return RtpPacket(sequence_number=number % 2**16, timestamp=number * 480, payload=b"sound")


@pytest.mark.parametrize(
    "numbers", [[1, 2, 3, 4], [1, 2, 4, 3, 5], [1, 2, 9, 10], [65534, 65535, 65536, 65537]]
)
def test_each_packet_comes_out_as_it_comes_in(numbers: list[int]) -> None:
    arrivals = Arrivals()
    for number in numbers:
        needs_keyframe, frame = arrivals.add(packet(number))
        assert not needs_keyframe
        assert (frame.data, frame.timestamp) == (b"sound", number * 480)


def test_timestamps_count_on_over_a_wrap_and_back_for_what_was_overtaken() -> None:
    timestamps = Timestamps()
    first = 2**32 - 960
    sent = [first, first + 480, 480, 0, 960, 2**32 - 480]
    assert [timestamps.map(t) for t in sent] == [0, 480, 1440, 960, 1920, 480]


def passing(send: Send, through: Callable[[int], bool], held: list[bytes]) -> Send:
    """Send sound packets by ``send``; what may not go ``through``, by its number, is kept."""
    count = 0

    async def lossy(data: bytes) -> None:
        nonlocal count
        if is_rtcp(data):
            return await send(data)
        count += 1
        if through(count):
            return await send(data)
        held.append(data)
        return None

    return lossy


@pytest.mark.parametrize("comes_later", [False, True])
async def test_a_packet_on_a_bad_way_costs_no_other_and_no_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, comes_later: bool
) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until_sound(lambda rms: rms > 5000)
        ((session, _),) = running.server.calls._sessions.values()
        media = session._media
        assert media is not None
        placed: list[int] = []
        push = media.stream.push_audio

        def note(pcm: object, pts: int, rate: int, now: float) -> int | None:
            placed.append(pts)
            return push(pcm, pts, rate, now)  # type: ignore[arg-type]

        monkeypatch.setattr(media.stream, "push_audio", note)
        transport = caller.peer.getTransceivers()[0].sender.transport
        send, held = transport._send_rtp, list[bytes]()
        monkeypatch.setattr(transport, "_send_rtp", passing(send, lambda n: n != 5, held))
        await caller.until(lambda: len(held) == 1)
        start = len(caller.sounds)
        await caller.until(lambda: len(caller.sounds) > start + 10)
        if comes_later:
            await send(held[0])
        await caller.until(lambda: len(caller.sounds) > start + 40)
        late_by = (caller.speaker._pts - placed[-1]) / RATE
        assert len(held) == 1
        steps = [later - before for before, later in itertools.pairwise(placed)]
        ordinary = min(step for step in steps if step > 0)
        missing = [step for step in sorted(set(placed)) if step + ordinary not in placed][:-1]
        assert len(missing) == (0 if comes_later else 1)
        # What is not held back is hardly older than what is being spoken.
        assert late_by < 0.2
