"""A stream whose packets are lost, late, overtaken, or come by a way that became longer."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming import StreamConfig
from streaming.resample import hear
from tests.streaming.world import LEAD_IN, Packet, live, noise, packets, stream


def without(pcm: NDArray[np.int16], start: int, end: int) -> NDArray[np.int16]:
    """Sound (samples,) that is silent from `start` to `end`, and fades over 5 ms beside that."""
    gain = np.ones(len(pcm))
    gain[start:end] = 0
    gain[start - 240 : start] = np.arange(240, 0, -1) / 240
    gain[end : end + 240] = np.arange(1, 241) / 240
    return np.rint(pcm[:, 0] * gain).astype(np.int16)


def tone(samples: int) -> NDArray[np.int16]:
    """A sine of 250 Hz, (samples, 1): 5 periods a packet."""
    sine = 10_000 * np.sin(2 * np.pi * np.arange(samples) / 192)
    pcm: NDArray[np.int16] = np.rint(sine).astype(np.int16)[:, None]
    return pcm


def test_lost_packets_are_silence_of_the_right_length() -> None:
    subject = stream()
    pcm = noise(48_000 * 2)
    sent = [packet for index, packet in enumerate(packets(pcm)) if not 40 <= index < 44]
    diary = live(subject, sent, until=2.0)
    expected = without(pcm, 40 * 960, 44 * 960)
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, expected[: len(played)])
    assert subject.stats.concealed_ms == pytest.approx(80)
    assert subject.stats.silent_concealed_ms == pytest.approx(80)
    assert subject.stats.late_audio_ms == 0
    assert subject.stats.repeated_frames == 0
    assert [hop.index for _, hop in diary.hops] == list(range(25))


@pytest.mark.parametrize("first_lost", range(40, 44))
@pytest.mark.parametrize("lost", [1, 2])
def test_a_short_loss_is_concealed_in_what_is_played_and_in_what_the_model_hears(
    first_lost: int, lost: int
) -> None:
    subject = stream()
    sine = tone(96_000)
    holes = range(first_lost, first_lost + lost)
    sent = [packet for index, packet in enumerate(packets(sine)) if index not in holes]
    diary = live(subject, sent, until=2.0)
    played = diary.played()
    np.testing.assert_allclose(played[LEAD_IN:], sine[: len(played) - LEAD_IN, 0], atol=30)
    heard = diary.heard()
    voice = np.concatenate([np.zeros(LEAD_IN, np.int16), played])
    samples = (len(voice) - 2 * LEAD_IN) // 3
    np.testing.assert_allclose(heard[:samples], hear(voice)[:samples], atol=1e-6)
    assert subject.stats.concealed_ms == pytest.approx(20 * lost)
    assert subject.stats.silent_concealed_ms == 0
    assert subject.stats.repeated_frames == 0


@pytest.mark.parametrize("lost", [80, 81])
def test_a_hole_that_the_model_heard_as_silence_may_still_be_concealed_when_played(
    lost: int,
) -> None:
    subject = stream()
    pcm = tone(96_000)
    # Packets of 10 ms: holes begin anywhere in the 20 ms that are played at a time. What comes
    # after the one that is lost comes too late for the model.
    lost_at = (lost + 1) / 100
    arrivals = [(index, (index + 1) / 100) for index in range(200) if index != lost]
    sent = [
        Packet(
            max(at, lost_at + 0.17) if at > lost_at else at, index * 480, pcm[index * 480 :][:480]
        )
        for index, at in arrivals
    ]
    played = live(subject, sent, until=2.0).played()
    np.testing.assert_allclose(played[LEAD_IN:], pcm[: len(played) - LEAD_IN, 0], atol=30)
    assert subject.stats.silent_concealed_ms > 10


def test_no_more_than_what_was_said_is_played_after_the_last_packet() -> None:
    subject = stream()
    pcm = noise(48_000)
    diary = live(subject, packets(pcm), until=2.0)
    played = diary.played()[LEAD_IN:]
    assert not played[len(pcm) :].any()
    assert subject.stats.concealed_ms == subject.stats.silent_concealed_ms > 0


def test_reordered_and_duplicate_packets_change_nothing() -> None:
    subject = stream()
    sent = packets(noise(48_000 * 2))
    swapped = [
        Packet(packet.arrival + (0.02 if index % 4 == 1 else 0.0), packet.pts, packet.pcm)
        for index, packet in enumerate(sent)
    ]
    again = [Packet(packet.arrival + 0.05, packet.pts, packet.pcm) for packet in sent]
    diary = live(subject, [*swapped, *again], until=2.0)
    plain = live(stream(), sent, until=2.0)
    np.testing.assert_array_equal(diary.heard(), plain.heard())
    np.testing.assert_array_equal(diary.played(), plain.played())
    assert subject.stats.concealed_ms == 0
    assert subject.stats.late_audio_ms == 0


def test_late_sound_is_still_played_when_the_model_could_not_wait_for_it() -> None:
    subject = stream()
    pcm = noise(48_000 * 2)
    delayed = packets(pcm, delay_s=lambda index: 0.15 if index == 43 else 0.0)
    diary = live(subject, delayed, until=2.0)
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, pcm[: len(played), 0])
    assert subject.stats.concealed_ms == pytest.approx(20)
    assert subject.stats.late_audio_ms == 0


def test_sound_later_than_its_playout_is_dropped_and_counted() -> None:
    subject = stream()
    pcm = noise(48_000 * 2)
    delayed = packets(pcm, delay_s=lambda index: 0.3 if index == 43 else 0.0)
    diary = live(subject, delayed, until=2.0)
    lost = live(stream(), [sent for sent in delayed if sent.pts != 43 * 960], until=2.0)
    np.testing.assert_array_equal(diary.played(), lost.played())
    assert subject.stats.late_audio_ms == 20


@pytest.mark.parametrize("playout_delay_ms", [310, 800])
def test_a_stall_shorter_than_the_playout_delay_loses_no_sound(playout_delay_ms: int) -> None:
    subject = stream(StreamConfig(playout_delay_ms=playout_delay_ms))
    pcm = noise(48_000 * 4)
    stall_s = playout_delay_ms / 1000 - 0.03
    sent = [
        Packet(max(packet.arrival, 2 + stall_s) if packet.arrival > 2 else packet.arrival, *rest)
        for packet in packets(pcm)
        for rest in [(packet.pts, packet.pcm)]
    ]
    diary = live(subject, sent, until=4.0)
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, pcm[: len(played), 0])
    assert subject.stats.late_audio_ms == 0
    assert (subject.stats.resyncs, subject.stats.clock_steps) == (0, 0)


def test_a_longer_delay_lets_the_model_wait_longer_for_sound() -> None:
    pcm = noise(48_000 * 3)
    delayed = packets(pcm, delay_s=lambda index: 0.15 if index == 43 else 0.0)
    hurried, patient = stream(), stream(StreamConfig(playout_delay_ms=400))
    live(hurried, delayed, until=3.0)
    diary = live(patient, delayed, until=3.0)
    assert hurried.stats.concealed_ms == pytest.approx(20)
    assert patient.stats.concealed_ms == 0
    assert patient.stats.late_frames == 0
    np.testing.assert_array_equal(diary.heard(), live(stream(), packets(pcm), until=3.0).heard())


def test_a_path_that_becomes_longer_is_followed_and_loses_sound_once() -> None:
    subject = stream(StreamConfig(playout_delay_ms=310))
    pcm = noise(48_000 * 10)
    sent = packets(pcm, delay_s=lambda index: 0.25 if index >= 200 else 0.0)
    diary = live(subject, sent, until=10.0)
    played = diary.played()
    assert subject.stats.resyncs == 1
    assert subject.stats.late_audio_ms == 0
    silent = int((played[48_000 : 9 * 48_000] == 0).sum())
    assert silent / 48 == pytest.approx(250, abs=30)
