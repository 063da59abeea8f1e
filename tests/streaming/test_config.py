import pytest

from streaming import ClockConfig, GovernorConfig, StreamConfig


def test_the_default_delay_is_within_ten_ms_of_the_shortest_possible() -> None:
    config = StreamConfig()
    # Window 4 * 40, filter 1.5, compute and jitter; packets of 20 ms end where hops of 80 ms end.
    assert config.min_playout_delay_ms == 160 + 1.5 + config.compute_budget_ms + config.jitter_ms
    assert 0 <= config.playout_delay_ms - config.min_playout_delay_ms <= 10


def test_a_hop_that_ends_inside_a_packet_waits_for_its_end() -> None:
    aligned = StreamConfig(packet_ms=20, playout_delay_ms=500)
    # Hops end every 80 ms, packets every 60: at worst 40 ms later.
    straddling = StreamConfig(packet_ms=60, playout_delay_ms=500)
    assert straddling.min_playout_delay_ms - aligned.min_playout_delay_ms == 40


def test_sound_that_is_heard_ahead_is_waited_for() -> None:
    together = StreamConfig(packet_ms=10, playout_delay_ms=500)
    ahead = StreamConfig(packet_ms=10, playout_delay_ms=500, sound_lead_ms=10)
    assert ahead.min_playout_delay_ms - together.min_playout_delay_ms == 10
    # And to the end of the packet of 20 ms in which a hop ends.
    ahead = StreamConfig(packet_ms=20, playout_delay_ms=500, sound_lead_ms=10)
    assert ahead.min_playout_delay_ms - together.min_playout_delay_ms == 20


def test_a_delay_too_short_for_the_window_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"is 150, expected 217\.5 or more .* raise it"):
        StreamConfig(playout_delay_ms=150)
    assert StreamConfig(hop_frames=1, playout_delay_ms=180).min_playout_delay_ms == 177.5


@pytest.mark.parametrize(
    "values",
    [
        {"hop_frames": 0},
        {"max_steps": 0},
        {"compute_budget_ms": 0},
        {"jitter_ms": -1},
        {"packet_ms": 0},
        {"sound_lead_ms": -1},
        {"concealment_ms": 0},
        {"max_behind_ms": -5},
    ],
)
def test_senseless_values_are_refused_by_name(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        StreamConfig(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values", [{"window_ms": 100}, {"slew_ppm": 0}, {"step_ms": 300}, {"resync_after_ms": 0}]
)
def test_senseless_clock_values_are_refused_by_name(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        ClockConfig(**values)


@pytest.mark.parametrize(
    "values", [{"late_hops": 0}, {"settle_hops": -1}, {"recover_hops": 0}, {"recover_below": 1}]
)
def test_senseless_governor_values_are_refused_by_name(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        GovernorConfig(**values)
