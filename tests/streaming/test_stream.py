import pickle
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming import Hop, Stream, StreamConfig
from streaming.resample import HEARING_REACH_SAMPLES, hear
from tests.streaming.world import Packet, instantly, live, noise, packets

CONFIG = StreamConfig()
LEAD_IN = HEARING_REACH_SAMPLES
DELAY_S = CONFIG.playout_delay_ms / 1000


def stream(config: StreamConfig = CONFIG, start: float = 0.0) -> Stream[int]:
    return Stream[int](config, now=start)


def jitter(scale_s: float, seed: int = 0) -> Callable[[int], float]:
    """Delays that are now and then several times `scale_s`."""
    delays = np.random.default_rng(seed).exponential(scale_s, 4096)
    return lambda index: float(delays[index % 4096])


def steady(compute_s: float) -> Callable[[Hop], float]:
    return lambda hop: compute_s


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


def test_lost_packets_are_silence_of_the_right_length() -> None:
    subject = stream()
    pcm = noise(48_000 * 2)
    sent = [packet for index, packet in enumerate(packets(pcm)) if not 40 <= index < 43]
    diary = live(subject, sent, until=2.0)
    expected = pcm[:, 0].copy()
    expected[40 * 960 : 43 * 960] = 0
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, expected[: len(played)])
    assert subject.stats.concealed_ms == pytest.approx(60)
    assert subject.stats.late_audio_ms == 0
    assert subject.stats.repeated_frames == 0
    assert [hop.index for _, hop in diary.hops] == list(range(25))


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
    expected = pcm[:, 0].copy()
    expected[43 * 960 : 44 * 960] = 0
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, expected[: len(played)])
    assert subject.stats.late_audio_ms == 20


def test_ten_seconds_of_loss_and_then_all_at_once() -> None:
    subject = stream()
    pcm = noise(48_000 * 20)
    sent = [
        Packet(max(packet.arrival, 15.0) if packet.arrival > 5 else packet.arrival, *rest)
        for packet in packets(pcm)
        for rest in [(packet.pts, packet.pcm)]
    ]
    diary = live(subject, sent, until=20.0, compute_s=steady(0.03))
    voice = diary.voice
    # The avatar lived on: never a pause in voice or hops, and no burst after it.
    assert max(later - at for (at, _), (later, _) in pairwise(voice)) < 0.0201
    assert max(later - at for (at, _), (later, _) in pairwise(diary.hops)) < 0.15
    assert len(diary.hops) == 250
    played = diary.played()[LEAD_IN:]
    assert not played[round(5.1 * 48_000) : round(14.7 * 48_000)].any()
    np.testing.assert_array_equal(played[15 * 48_000 :], pcm[15 * 48_000 : len(played), 0])
    stats = subject.stats
    assert 9_700 < stats.late_audio_ms < 10_000
    assert 9_800 < stats.concealed_ms < 10_100
    assert (stats.resyncs, stats.skipped_hops, stats.skipped_voice_ms) == (0, 0, 0)


def test_minutes_without_a_microphone() -> None:
    subject = stream(start=1000.0)
    diary = live(subject, [], until=1000.0 + 180, compute_s=steady(0.03), start=1000.0)
    assert diary.vain_wakes == 0
    assert not diary.heard().any()
    assert not diary.played().any()
    shown = diary.shown()
    assert shown == list(range(len(shown)))
    # A hop of silence is known only concealment_ms after its time: a little late, never missing.
    assert len(shown) == pytest.approx((180 - DELAY_S) * 25, abs=3)
    assert subject.stats.repeated_frames <= 3
    assert subject.stats.av_skew_ms < 40


def test_the_microphone_may_come_late_and_go_and_come_back() -> None:
    subject = stream()
    pcm = noise(48_000 * 2)
    first = packets(pcm, pts=777_000, start=3.0)
    second = packets(pcm, pts=999_000_000, start=65.0)
    diary = live(subject, [*first, *second], until=69.0)
    assert subject.stats.resyncs == 1
    played = diary.played()
    nonzero = np.flatnonzero(played)
    assert nonzero[0] / 48_000 == pytest.approx(3.0, abs=0.021)
    # 0.3 s are lost until the new pts are believed; then sound is where it was spoken.
    second_half = nonzero[nonzero > 10 * 48_000]
    assert second_half[0] / 48_000 == pytest.approx(65.3, abs=0.05)
    assert second_half[-1] / 48_000 == pytest.approx(67.0, abs=0.05)


@pytest.mark.parametrize("pts", [0, 2**32 - 48_000])
def test_pts_that_restart_cost_a_third_of_a_second_of_sound(pts: int) -> None:
    subject = stream()
    before = packets(noise(48_000 * 5), pts=48_000_000)
    after = packets(noise(48_000 * 5, seed=1), pts=pts, start=5.0)
    diary = live(subject, [*before, *after], until=10.0, compute_s=steady(0.03))
    assert subject.stats.resyncs == 1
    lost_ms = subject.stats.late_audio_ms + subject.stats.early_audio_ms
    assert lost_ms == pytest.approx(300, abs=20)
    shown = diary.shown()
    assert len(shown) == pytest.approx((10 - DELAY_S) * 25, abs=3)
    assert [chunk.pts for _, chunk in diary.voice] == list(range(0, len(diary.voice) * 960, 960))


@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
def test_a_drifting_microphone_costs_neither_frames_nor_latency(drift_ppm: float) -> None:
    subject = stream()
    minutes = 2
    sent = packets(noise(48_000 * 60 * minutes), drift_ppm=drift_ppm, delay_s=jitter(0.002, seed=5))
    first_arrival = {packet.pts: packet.arrival for packet in sent}
    diary = live(subject, sent, until=60 * minutes - 1.0, compute_s=steady(0.03))
    shift = next(chunk.pts for _, chunk in diary.voice if chunk.pcm.any()) // 960 * 960
    latency = [
        at - first_arrival[chunk.pts - shift]
        for at, chunk in diary.voice
        if chunk.pts - shift in first_arrival
    ]
    # Drift alone would be 24 ms; 20 ms of the delay pass while the packet is recorded.
    early, late = np.median(latency[500:1500]), np.median(latency[-1000:])
    assert early == pytest.approx(late, abs=0.002)
    stats = subject.stats
    assert stats.repeated_frames + stats.late_frames < 0.001 * stats.on_time_frames
    assert stats.late_audio_ms == 0
    assert (stats.clock_steps, stats.resyncs) == (0, 0)
    assert stats.clock_drift_ppm == pytest.approx(drift_ppm, abs=25)


def test_jitter_within_the_delay_loses_no_sound() -> None:
    subject = stream()
    pcm = noise(48_000 * 30)
    delays = jitter(0.012, seed=4)
    sent = packets(pcm, delay_s=lambda index: min(delays(index), 0.15) if index else 0.0)
    diary = live(subject, sent, until=30.0, compute_s=steady(0.03))
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, pcm[: len(played), 0])
    assert subject.stats.late_audio_ms == 0


def test_slow_computing_costs_steps_then_frames_but_never_the_voice() -> None:
    subject = stream()
    pcm = noise(48_000 * 20)

    def compute_s(hop: Hop) -> float:
        slow = 5.0 < hop.taken < 10.0
        return (0.02 + 0.004 * hop.num_steps) * (2.5 if slow else 0.5)

    diary = live(subject, packets(pcm), until=20.0, compute_s=compute_s)
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, pcm[: len(played), 0])
    for at, chunk in diary.voice:
        assert at - (chunk.pts - LEAD_IN) / 48_000 == pytest.approx(DELAY_S, abs=1e-6)
    steps = {round(at): hop.num_steps for at, hop in diary.hops}
    assert steps[4] == 4
    assert steps[9] == 1
    drawn_at_nine = [len(hop.render_frames) for at, hop in diary.hops if 9.0 < at < 10.0]
    assert max(drawn_at_nine) == 1
    assert steps[19] > 1
    stats = subject.stats
    assert stats.quality_changes >= 5
    assert stats.repeated_frames > 20


def test_a_machine_far_too_slow_keeps_the_voice_and_its_queues_short() -> None:
    subject = stream()
    pcm = noise(48_000 * 20)
    diary = live(subject, packets(pcm), until=20.0, compute_s=steady(0.3))
    played = diary.played()[LEAD_IN:]
    np.testing.assert_array_equal(played, pcm[: len(played), 0])
    stats = subject.stats
    assert stats.skipped_hops > 100
    # It works on what is current, not on a backlog.
    assert all(at - hop.deadline < 0.3 for at, hop in diary.hops)
    slots = stats.on_time_frames + stats.late_frames + stats.repeated_frames
    assert slots == pytest.approx((20 - DELAY_S) * 25, abs=2)


def test_a_stalled_caller_is_not_punished_with_a_burst() -> None:
    subject = stream()
    sent = packets(noise(48_000 * 10))
    live(subject, sent[:100], until=2.0)
    for packet in sent[100:350]:
        subject.push_audio(packet.pcm, packet.pts, 48_000, 7.0)
    due = subject.pop_due(7.0)
    assert len(due.voice) <= 1
    hop = subject.due_hop(7.0)
    assert hop is not None
    assert abs(hop.deadline - 7.0) < 0.15
    assert subject.stats.skipped_voice_ms == pytest.approx(5000, abs=60)


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


def test_nothing_grows_with_the_length_of_a_call() -> None:
    subject = stream()
    sent = packets(noise(48_000 * 90), delay_s=jitter(0.01))
    sizes = []
    for second in (30, 60, 90):
        part = [packet for packet in sent if second - 30 < packet.arrival <= second]
        live(subject, part, until=second, compute_s=instantly, start=second - 30)
        sizes.append(len(pickle.dumps(subject)))
    assert max(sizes) - min(sizes) < 1000


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
