"""A stream in a calm call: what comes in, what goes out, and when."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming import Stream, StreamConfig
from streaming.resample import hear
from tests.streaming.world import (
    CONFIG,
    DELAY_S,
    LEAD_IN,
    Packet,
    live,
    noise,
    packets,
    steady,
    stream,
)


def test_a_calm_call_shows_every_frame_with_its_sound() -> None:
    subject = stream()
    pcm = noise(48_000 * 10)
    diary = live(subject, packets(pcm), until=10.0, compute_s=steady(0.03))
    assert diary.vain_wakes == 0
    shown = diary.shown()
    assert shown == list(range(len(shown)))
    voice_at = {chunk.pts: at for at, chunk in diary.voice}
    for at, frame in diary.frames:
        assert at == voice_at[frame.index * 1920]
        assert frame.pts * 48_000 == frame.index * 1920 * 90_000
    played = diary.played()
    assert not played[:LEAD_IN].any()
    np.testing.assert_array_equal(played[LEAD_IN:], pcm[: len(played) - LEAD_IN, 0])
    stats = subject.stats
    assert stats.on_time_frames == len(shown) == 245
    assert (stats.late_frames, stats.repeated_frames, stats.dropped_frames) == (0, 0, 0)
    assert (stats.concealed_ms, stats.late_audio_ms, stats.av_skew_ms) == (0, 0, 0)
    assert stats.compute_ms == pytest.approx(30)


def test_sound_leaves_exactly_the_delay_after_it_came() -> None:
    diary = live(stream(), packets(noise(48_000 * 3)), until=3.0)
    for at, chunk in diary.voice:
        spoken_at = (chunk.pts - LEAD_IN) / 48_000
        assert at - spoken_at == pytest.approx(DELAY_S, abs=1e-6)


def test_a_hop_is_due_with_the_packet_that_completes_it() -> None:
    diary = live(stream(), packets(noise(48_000)), until=1.0)
    assert [hop.index for _, hop in diary.hops] == list(range(12))
    assert [at for at, _ in diary.hops] == pytest.approx([0.08 * n for n in range(1, 13)])
    assert [hop.render_frames for _, hop in diary.hops[:3]] == [(), (0, 1), (2, 3)]
    for _, hop in diary.hops[1:]:
        first = (hop.render_frames[0] * 1920 - LEAD_IN) / 48_000
        assert hop.deadline == pytest.approx(first + DELAY_S)


def test_at_the_shortest_delay_frames_are_still_on_time() -> None:
    config = StreamConfig(playout_delay_ms=CONFIG.min_playout_delay_ms)
    subject = stream(config)
    # A microsecond less, for the rounding of floats.
    budget_s = config.compute_budget_ms / 1000 - 1e-6
    late_s = config.jitter_ms / 1000 - 1e-6
    delayed = packets(noise(48_000 * 4), delay_s=lambda index: late_s * (index % 4 == 3))
    live(subject, delayed, until=4.0, compute_s=steady(budget_s))
    assert subject.stats.on_time_frames > 90
    assert (subject.stats.late_frames, subject.stats.repeated_frames) == (0, 0)


def test_beyond_the_shortest_delay_frames_are_late() -> None:
    config = StreamConfig(playout_delay_ms=CONFIG.min_playout_delay_ms)
    subject = stream(config)
    slow = steady((config.compute_budget_ms + config.jitter_ms + 1) / 1000)
    live(subject, packets(noise(48_000)), until=1.0, compute_s=slow)
    assert subject.stats.late_frames > 5


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 2500), min_size=1, max_size=60),
    channels=st.sampled_from([1, 2]),
    sample_rate=st.sampled_from([8_000, 44_100, 48_000]),
)
def test_streamed_is_the_same_as_offline_for_any_chunking(
    lengths: list[int], channels: int, sample_rate: int
) -> None:
    # Chunks of at most 50 ms, or the voice would have to wait for their end.
    pcm = np.repeat(noise(sample_rate), channels, axis=1)
    chunks, first = [], 0
    for index in range(len(pcm)):
        length = min(lengths[index % len(lengths)], sample_rate // 20)
        if first >= len(pcm):
            break
        end = min(first + length, len(pcm))
        pts = round(first * 48_000 / sample_rate)
        chunks.append(Packet(end / sample_rate, pts, pcm[first:end], sample_rate))
        first = end
    packet = sample_rate // 50
    whole = [
        Packet(
            (first + packet) / sample_rate,
            round(first * 48_000 / sample_rate),
            pcm[first : first + packet],
            sample_rate,
        )
        for first in range(0, len(pcm), packet)
    ]
    streamed, offline = (live(stream(), sound, until=1.0) for sound in (chunks, whole))
    samples = min(len(streamed.heard()), len(offline.heard()))
    assert samples >= 11 * 1280
    np.testing.assert_array_equal(streamed.heard()[:samples], offline.heard()[:samples])
    samples = min(len(streamed.played()), len(offline.played()))
    assert samples >= 35_000
    np.testing.assert_array_equal(streamed.played()[:samples], offline.played()[:samples])


def test_the_model_hears_the_voice_filtered_as_a_whole() -> None:
    pcm = noise(48_000 * 2)
    diary = live(stream(), packets(pcm), until=2.0)
    heard = diary.heard()
    silence = np.zeros(2 * LEAD_IN, np.int16)
    voice = np.concatenate([silence, pcm[:, 0]])[: 3 * len(heard) + 2 * LEAD_IN]
    np.testing.assert_allclose(heard, hear(voice), atol=1e-6)


def test_each_hop_hears_the_sound_so_far_ahead_as_lips_are_late() -> None:
    config = StreamConfig(sound_lead_ms=10, playout_delay_ms=300)
    together, ahead = (
        live(stream(replace(config, sound_lead_ms=lead_ms)), packets(noise(48_000)), until=1.0)
        for lead_ms in (0, 10)
    )
    samples = len(ahead.heard())
    assert samples >= 10 * 1280
    np.testing.assert_array_equal(
        ahead.heard()[: samples - 160], together.heard()[160:samples], "10 ms at 16 kHz"
    )
    drawn = [[hop.render_frames for _, hop in diary.hops] for diary in (together, ahead)]
    assert drawn[1] == drawn[0][: len(drawn[1])]


@pytest.mark.parametrize(("now", "drawn"), [(0.49, (6, 7)), (0.53, (7,)), (0.55, ())])
def test_frames_without_time_left_are_not_drawn(now: float, drawn: tuple[int, ...]) -> None:
    subject = stream()
    sent = packets(noise(48_000))
    live(subject, sent[:16], until=0.33)
    for packet in sent[16:24]:
        subject.push_audio(packet.pcm, packet.pts, 48_000, packet.arrival)
    hop = subject.due_hop(now)
    assert hop is not None
    assert hop.index == 4
    assert hop.render_frames == drawn


def test_one_hop_at_a_time() -> None:
    subject = stream()
    for packet in packets(noise(48_000 // 5)):
        subject.push_audio(packet.pcm, packet.pts, 48_000, packet.arrival)
    first = subject.due_hop(0.2)
    assert first is not None
    assert subject.due_hop(0.2) is None
    for index in first.render_frames:
        subject.put_frame(first, index, 0, 0.205)
    subject.finish_hop(first, 0.21)
    second = subject.due_hop(0.21)
    assert second is not None
    assert second.index == 1
    with pytest.raises(ValueError, match="hop 0 is handed in, expected hop 1"):
        subject.finish_hop(first, 0.22)
    with pytest.raises(ValueError, match=r"hop 1 lacks 2 of its 2 frames"):
        subject.finish_hop(second, 0.22)
    with pytest.raises(ValueError, match=r"hop 1 brings frame 1, expected 0"):
        subject.put_frame(second, 1, 0, 0.22)


def test_each_frame_may_take_its_own_time() -> None:
    """Drawn one after the other, frames of a hop are on time though the hop as a whole is not."""
    config = StreamConfig()
    subject = Stream[int](config, now=0.0)
    frame_s = 0.9 * config.compute_budget_ms / 1000
    for packet in packets(noise(48_000 * 4)):
        subject.push_audio(packet.pcm, packet.pts, 48_000, packet.arrival)
        hop = subject.due_hop(packet.arrival)
        if hop is not None:
            now = packet.arrival
            for index in hop.render_frames:
                now += frame_s
                subject.put_frame(hop, index, index, now)
            subject.finish_hop(hop, now)
    assert subject.stats.hops > 40
    assert subject.stats.quality_changes == 0
    assert subject.stats.compute_ms == pytest.approx(1000 * frame_s)


def test_bad_sound_is_refused_and_nothing_is_lost() -> None:
    subject = stream()
    pcm = noise(48_000)
    sent = packets(pcm)
    with pytest.raises(ValueError, match="expected int16"):
        subject.push_audio(np.zeros((960, 1), np.float32), 0, 48_000, 0.0)
    with pytest.raises(ValueError, match="0 Hz, expected 8000"):
        subject.push_audio(noise(960), 0, 0, 0.0)
    diary = live(subject, sent, until=1.0)
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, pcm[: len(played), 0])


def test_a_hush_is_heard_within_20_ms_and_by_the_model() -> None:
    subject = stream()
    sent = packets(np.full((48_000, 1), 10_000, np.int16))
    before = live(subject, sent[:35], until=0.701)
    assert before.voice[-1][1].pcm.min() == 10_000
    subject.hush()
    hushed_at = subject.played_until
    silence = packets(np.zeros((48_000, 1), np.int16), pts=int(0.7 * 48_000), start=0.7)
    after = live(subject, silence, until=1.5, start=0.701)
    first_at, first = after.voice[0]
    assert first_at <= 0.72 + 1e-6
    assert first.pts == hushed_at
    assert not first.pcm[240:].any()
    assert not after.played()[240:].any()
    assert not after.hops[0][1].samples[1:].any()
    assert after.vain_wakes == 0
    assert subject.stats.concealed_ms == 0


def test_after_a_hush_the_lips_close_until_there_is_speech_again() -> None:
    subject = stream()
    subject.push_audio(noise(960), 0, 48_000, 0.02)
    assert subject.lips.gain(0) == 1.0
    subject.hush()
    assert subject.lips.gain(1) < 0.5
    subject.push_audio(np.zeros((960, 1), np.int16), 960, 48_000, 0.04)
    assert subject.lips.gain(2) < 0.1
    position = subject.push_audio(noise(960), 1920, 48_000, 0.06)
    assert position is not None
    assert subject.lips.gain(position // 1920 + 1) > 0.5
