import asyncio
from typing import cast

import pytest
from aiortc import RTCDataChannel
from pyee.asyncio import AsyncIOEventEmitter

from server import messages
from server.control import ControlChannel
from server.messages import ClientMessage
from server.metrics import Metrics


class Channel(AsyncIOEventEmitter):
    """A data channel whose far end reads when the test says so."""

    label = messages.CHANNEL_LABEL
    readyState = "open"

    def __init__(self) -> None:
        super().__init__()
        self.bufferedAmount = 0
        self.sent: list[str] = []

    def send(self, text: str) -> None:
        self.sent.append(text)
        self.bufferedAmount += len(text)

    def read_all(self) -> None:
        self.bufferedAmount = 0
        self.emit("bufferedamountlow")

    def close(self) -> None:
        self.readyState = "closed"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def received() -> list[ClientMessage]:
    return []


@pytest.fixture
def control(metrics: Metrics, received: list[ClientMessage]) -> ControlChannel:
    return ControlChannel(metrics, received.append)


def attach(control: ControlChannel, channel: Channel) -> bool:
    return control.attach(cast(RTCDataChannel, channel))


def count(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"likeness_{name}_total")


async def test_messages_go_both_ways(
    control: ControlChannel, received: list[ClientMessage]
) -> None:
    channel = Channel()
    assert attach(control, channel)
    channel.emit("message", '{"type":"pause","paused":true}')
    assert received == [messages.Pause(paused=True)]
    assert control.send(messages.Ready(session="s"))
    assert channel.sent == ['{"session":"s","type":"ready"}']


@pytest.mark.parametrize("data", ["{}", "nonsense", b"\x00"])
async def test_an_invalid_message_is_answered_and_counted(
    control: ControlChannel, received: list[ClientMessage], metrics: Metrics, data: str | bytes
) -> None:
    channel = Channel()
    attach(control, channel)
    channel.emit("message", data)
    assert received == []
    assert '"code":"invalid-message"' in channel.sent[0]
    assert count(metrics, "invalid_messages") == 1


async def test_who_does_not_read_gets_no_more(control: ControlChannel, metrics: Metrics) -> None:
    channel = Channel()
    attach(control, channel)
    long = messages.Error(code="x", message="y" * 2000, fatal=False)
    results = [control.send(long) for _ in range(20)]
    assert 4 <= sum(results) <= 6
    assert count(metrics, "unsent_messages") == results.count(False)
    channel.read_all()
    assert control.send(long)


async def test_only_one_channel_of_the_right_name(control: ControlChannel) -> None:
    other = Channel()
    other.label = "files"
    assert not attach(control, other)
    assert other.readyState == "closed"
    assert attach(control, Channel())
    assert not attach(control, Channel())


async def test_without_a_channel_nothing_is_sent(control: ControlChannel, metrics: Metrics) -> None:
    assert not control.send(messages.Ended(reason="x"))
    await control.drain(10)
    assert count(metrics, "unsent_messages") == 1


async def test_draining_waits_for_the_reader_but_not_for_ever(control: ControlChannel) -> None:
    channel = Channel()
    attach(control, channel)
    control.send(messages.Ended(reason="x"))
    draining = asyncio.create_task(control.drain(10))
    await asyncio.sleep(0)
    assert not draining.done()
    channel.read_all()
    await draining
    control.send(messages.Ended(reason="x"))
    await control.drain(0.01)
