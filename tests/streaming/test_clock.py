import numpy as np
import pytest

from streaming import ClockConfig, SessionClock

PACKET = 960


def clock_after(seconds: float) -> SessionClock:
    """A clock that has heard packets without jitter for so long; time_of(0) is 0."""
    clock = SessionClock(ClockConfig(), 0.0)
    for index in range(round(seconds * 50)):
        assert clock.place(index * PACKET, PACKET, (index + 1) * 0.02) == index * PACKET
    return clock


def test_a_sample_s_time_is_when_it_arrives_without_delay() -> None:
    clock = clock_after(3)
    assert clock.time_of(0) == pytest.approx(0)
    assert clock.time_of(48_000) == pytest.approx(1)
    assert clock.position_at(2.5) == 120_000


def test_the_first_packet_is_placed_at_the_live_edge_whatever_its_pts() -> None:
    clock = SessionClock(ClockConfig(), 100.0)
    # One second of waiting for the microphone: the session's time has gone on.
    position = clock.place(123_456_789, PACKET, 101.013, lead_in=72)
    assert position is not None
    assert (position - 72) % PACKET == 0
    assert 0 <= position + PACKET - round(1.013 * 48_000) < PACKET
    assert clock.time_of(position + PACKET) == pytest.approx(101.013)
    assert clock.resyncs == 0


@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
def test_drift_never_adds_up_over_hours(drift_ppm: float) -> None:
    clock = SessionClock(ClockConfig(), 0.0)
    delays = np.random.default_rng(1).exponential(0.004, 4096)
    worst_s = 0.0
    for index in range(3 * 3600 * 50):
        sent = (index + 1) * 0.02 * (1 + drift_ppm * 1e-6)
        position = clock.place(index * PACKET, PACKET, sent + float(delays[index % 4096]))
        assert position is not None
        if index > 2000:
            worst_s = max(worst_s, abs(clock.time_of(position + PACKET) - sent))
    # 200 ppm of three hours are 2.2 s.
    assert worst_s < 0.0015
    assert clock.drift_ppm == pytest.approx(drift_ppm, abs=10)
    assert (clock.steps, clock.resyncs) == (0, 0)


def test_jitter_does_not_move_the_playout() -> None:
    clock = clock_after(3)
    delays = np.random.default_rng(2).exponential(0.03, 5000)
    moved_s = []
    for index in range(150, 5150):
        clock.place(index * PACKET, PACKET, (index + 1) * 0.02 + float(delays[index - 150]))
        moved_s.append(abs(clock.time_of(0)))
    assert max(moved_s) < 0.002
    assert clock.resyncs == 0


def test_a_path_that_became_longer_is_believed_after_a_whole_window() -> None:
    clock = clock_after(5)
    placed = []
    for index in range(250, 500):
        placed.append(clock.place(index * PACKET, PACKET, (index + 1) * 0.02 + 0.08))
        if index == 325:
            assert clock.time_of(0) < 0.001
    assert None not in placed
    assert clock.time_of(0) == pytest.approx(0.08, abs=1e-3)
    assert (clock.steps, clock.resyncs) == (1, 0)


def test_a_path_that_became_shorter_is_believed_at_once() -> None:
    # The session's first packets were delayed: that must not be its latency for ever.
    clock = SessionClock(ClockConfig(), 0.0)
    for index in range(100):
        late_s = 0.09 if index < 20 else 0.0
        position = clock.place(index * PACKET, PACKET, (index + 1) * 0.02 + late_s)
    assert position is not None
    assert clock.time_of(position + PACKET) == pytest.approx(100 * 0.02, abs=1e-3)
    assert clock.steps == 1


def test_pts_that_restart_are_mapped_anew_and_the_position_goes_on() -> None:
    clock = clock_after(10)
    arrivals = [10.0 + (index + 1) * 0.02 for index in range(100)]
    placed = [clock.place(index * PACKET, PACKET, at) for index, at in enumerate(arrivals)]
    lost = 15
    # They belong to the past, where nobody plays them any more.
    assert placed[:lost] == [index * PACKET for index in range(lost)]
    assert clock.early_samples == 0
    assert clock.resyncs == 1
    assert placed[lost] == 500 * PACKET + lost * PACKET
    assert placed[-1] == 599 * PACKET
    assert clock.time_of(0) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("jump", [48_000, 2**32])
def test_pts_that_skip_ahead_are_mapped_anew_too(jump: int) -> None:
    clock = clock_after(10)
    arrivals = [10.0 + (index + 1) * 0.02 for index in range(100)]
    first = 500 * PACKET + jump
    placed = [clock.place(first + index * PACKET, PACKET, at) for index, at in enumerate(arrivals)]
    assert clock.resyncs == 1
    assert clock.early_samples == placed.count(None) * PACKET == 15 * PACKET
    assert placed[-1] == 599 * PACKET


def test_one_stray_packet_changes_nothing() -> None:
    clock = clock_after(10)
    assert clock.place(10**9, PACKET, 10.001) is None
    assert clock.place(500 * PACKET, PACKET, 10.02) == 500 * PACKET
    assert clock.place(0, PACKET, 10.03) == 0
    assert clock.place(501 * PACKET, PACKET, 10.04) == 501 * PACKET
    assert clock.early_samples == PACKET
    assert (clock.resyncs, clock.steps) == (0, 0)


def test_a_burst_after_ten_seconds_of_loss_is_where_it_was_said_and_teaches_nothing() -> None:
    clock = clock_after(10)
    placed = [clock.place(index * PACKET, PACKET, 20.0) for index in range(500, 1000)]
    assert placed == [index * PACKET for index in range(500, 1000)]
    for index in range(1000, 1200):
        assert clock.place(index * PACKET, PACKET, (index + 1) * 0.02) == index * PACKET
    assert (clock.resyncs, clock.steps) == (0, 0)
    assert clock.time_of(0) == pytest.approx(0, abs=1e-3)


def test_a_backlog_at_the_start_does_not_become_latency() -> None:
    # A second of packets waited in a queue before the session took its first.
    clock = SessionClock(ClockConfig(), 0.0)
    for index in range(50):
        clock.place(index * PACKET, PACKET, 0.02)
    for index in range(50, 250):
        arrival = 0.02 + (index - 49) * 0.02
        position = clock.place(index * PACKET, PACKET, arrival)
    assert position is not None
    assert clock.time_of(position + PACKET) == pytest.approx(arrival, abs=0.021)
    assert clock.resyncs == 1


def test_another_source_is_placed_at_the_live_edge_at_once() -> None:
    clock = clock_after(1)
    clock.expect_new_pts()
    position = clock.place(987_654_321, PACKET, 1.5)
    assert position is not None
    assert 0 <= position + PACKET - 72_000 < PACKET
    assert clock.place(987_654_321 + PACKET, PACKET, 1.52) == position + PACKET
    assert (clock.resyncs, clock.early_samples) == (0, 0)
