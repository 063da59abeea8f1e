import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streaming.resample import VoiceResampler
from streaming.speech import RATES, SpeechOverflowError, SpeechPacket, SpeechQueue
from tests.streaming.world import noise

CHUNK = 960


def queue(max_ms: float = 10_000) -> SpeechQueue:
    return SpeechQueue(max_ms)


def taken(subject: SpeechQueue) -> list[SpeechPacket]:
    packets = []
    while (packet := subject.take()) is not None:
        packets.append(packet)
    return packets


def resampled(pcm: NDArray[np.int16], sample_rate: int) -> NDArray[np.int16]:
    if sample_rate == 48_000:
        return pcm
    resampler = VoiceResampler(sample_rate)
    return np.concatenate([resampler.resample(pcm), resampler.drain()])


@settings(deadline=None, max_examples=30)
@given(
    sample_rate=st.sampled_from(RATES),
    lengths=st.lists(st.integers(1, 5000), min_size=1, max_size=12),
    early=st.booleans(),
)
def test_any_pieces_become_the_same_packets(
    sample_rate: int, lengths: list[int], early: bool
) -> None:
    """`early`: packets are taken while pieces come."""
    pcm = noise(sum(lengths))[:, 0]
    subject = queue()
    subject.begin("a", sample_rate)
    packets = []
    for piece in np.split(pcm, np.cumsum(lengths)[:-1]):
        subject.push(piece)
        packets += taken(subject) if early else []
    subject.end()
    packets += taken(subject)
    whole = resampled(pcm, sample_rate)
    spoken = np.concatenate([packet.pcm for packet in packets])
    np.testing.assert_array_equal(spoken[: len(whole)], whole)
    assert not spoken[len(whole) :].any()
    # A packet more when all was taken before the end came.
    assert len(spoken) - len(whole) <= CHUNK
    assert [packet.is_first for packet in packets] == [True] + [False] * (len(packets) - 1)
    assert [packet.is_last for packet in packets] == [False] * (len(packets) - 1) + [True]
    assert subject.queued_ms == 0


def test_utterances_come_in_order_each_with_its_own_rate() -> None:
    subject = queue()
    subject.begin("a", 24_000)
    subject.push(np.ones(480, np.int16))
    subject.begin("b", 48_000)
    subject.push(np.ones(960, np.int16))
    subject.end()
    marks = [(p.utterance, p.is_first, p.is_last) for p in taken(subject)]
    assert marks == [("a", True, True), ("b", True, True)]


def test_less_than_a_packet_waits_for_more_or_for_the_end() -> None:
    subject = queue()
    subject.begin("a", 48_000)
    subject.push(np.ones(959, np.int16))
    assert subject.take() is None
    subject.end()
    packet = subject.take()
    assert packet is not None
    assert packet.pcm.sum() == 959
    assert packet.is_last


def test_an_utterance_that_ends_after_its_last_packet_is_still_marked() -> None:
    subject = queue()
    subject.begin("a", 48_000)
    subject.push(np.ones(960, np.int16))
    assert [p.is_last for p in taken(subject)] == [False]
    subject.end()
    (last,) = taken(subject)
    assert last.is_last
    assert not last.is_first
    assert not last.pcm.any()


def test_an_utterance_without_sound_is_left_out() -> None:
    subject = queue()
    subject.begin("a", 16_000)
    subject.begin("b", 16_000)
    subject.push(np.ones(320, np.int16))
    subject.end()
    assert [packet.utterance for packet in taken(subject)] == ["b"]


def test_more_than_may_wait_is_refused_and_what_waits_stays() -> None:
    subject = queue(max_ms=100)
    subject.begin("a", 16_000)
    subject.push(np.ones(1600, np.int16))
    with pytest.raises(SpeechOverflowError, match=r"120 ms of speech wait .* at most 100"):
        subject.push(np.ones(320, np.int16))
    assert subject.queued_ms == 100
    assert subject.take() is not None
    subject.push(np.ones(320, np.int16))
    assert subject.queued_ms <= 100


def test_clearing_forgets_and_names_what_was_not_spoken_to_its_end() -> None:
    subject = queue()
    for name in ("a", "b", "c"):
        subject.begin(name, 48_000)
        subject.push(np.ones(1920, np.int16))
    subject.take(), subject.take(), subject.take()
    assert subject.clear() == ["b", "c"]
    assert subject.queued_ms == 0
    assert subject.take() is None


def test_sound_outside_an_utterance_is_refused() -> None:
    subject = queue()
    with pytest.raises(ValueError, match="expected `begin` first"):
        subject.push(np.ones(1, np.int16))
    subject.begin("a", 48_000)
    subject.end()
    with pytest.raises(ValueError, match="expected `begin` first"):
        subject.push(np.ones(1, np.int16))
    with pytest.raises(ValueError, match="found speech at 8000 Hz, expected one of 16000"):
        subject.begin("b", 8_000)
