"""The ladder against ways that carry so much and no more, in a time that the test makes pass."""

import itertools
from dataclasses import dataclass, field

import pytest

from streaming import rate_ladder
from streaming.rate_ladder import LadderConfig, LadderState, ladder_config

FULL_BPS = 1_600_000
CONFIG = ladder_config(FULL_BPS)


@dataclass
class Way:
    """What a receiver at the end of a way tells each second, as libwebrtc's estimator would.

    Its estimate rises by 8 % a second up to 1.5 times what comes, and falls to 85 % of what the way
    carries when more is sent; then packets are lost, too. `sends`: share of a rung's bitrate that
    its pictures need.
    """

    carries_bps: float
    sends: float = 1.0
    sends_remb: bool = True
    lost: float = 0.0
    state: LadderState = field(default_factory=lambda: rate_ladder.initial_state(CONFIG, 0.0))
    estimate_bps: float = 0.0
    now_s: float = 0.0

    def pass_s(self, seconds: int) -> list[int]:
        """Let time pass; return the rung of each second."""
        rungs = []
        for _ in range(seconds):
            self.now_s += 1
            sent = self.sends * CONFIG.rates_bps[self.state.rung]
            lost = self.lost
            if sent > self.carries_bps:
                self.estimate_bps = 0.85 * self.carries_bps
                lost = max(lost, 1 - self.carries_bps / sent)
            else:
                risen = min(1.08 * self.estimate_bps, 1.5 * sent)
                self.estimate_bps = max(self.estimate_bps, risen, sent)
            if self.sends_remb:
                rate_ladder.note_estimate(CONFIG, self.state, self.estimate_bps, sent, self.now_s)
            rate_ladder.note_loss(CONFIG, self.state, lost, self.now_s)
            rungs.append(self.state.rung)
        return rungs


def test_rungs_halve_the_full_rate() -> None:
    assert CONFIG.rates_bps == (1_600_000, 800_000, 400_000, 200_000)


@pytest.mark.parametrize("sends_remb", [True, False])
@pytest.mark.parametrize("sends", [1.0, 0.4])
def test_a_way_that_carries_all_is_given_all(sends: float, sends_remb: bool) -> None:
    assert set(Way(3e6, sends, sends_remb).pass_s(600)) == {0}


@pytest.mark.parametrize("sends_remb", [True, False])
@pytest.mark.parametrize(("carries_bps", "rung"), [(1.2e6, 1), (5e5, 2), (3e5, 3), (5e4, 3)])
def test_a_way_that_carries_less_is_soon_given_what_it_carries(
    carries_bps: float, rung: int, sends_remb: bool
) -> None:
    way = Way(carries_bps, sends_remb=sends_remb)
    assert max(way.pass_s(10)) == rung


def test_tries_at_more_become_rare_while_they_fail() -> None:
    way = Way(5e5)
    first, last = way.pass_s(300), way.pass_s(900)
    assert 2 in first
    too_much = sum(rung < 2 for rung in last) / 900
    assert 0 < too_much < 0.05


@pytest.mark.parametrize("sends_remb", [True, False])
@pytest.mark.parametrize("sends", [1.0, 0.6])
def test_a_way_that_recovers_is_given_all_again(sends: float, sends_remb: bool) -> None:
    way = Way(1e5, sends, sends_remb)
    way.pass_s(30)
    assert way.state.rung == 3
    way.carries_bps = 3e6
    rungs = way.pass_s(120)
    assert rungs[-1] == 0
    # One step at a time, and none down.
    assert all(-1 <= after - before <= 0 for before, after in itertools.pairwise(rungs))


@pytest.mark.parametrize(("lost", "rungs"), [(0.01, {0}), (0.05, {0}), (0.2, {0, 1, 2, 3})])
def test_what_is_lost_by_chance_lowers_it_only_if_it_is_much(lost: float, rungs: set[int]) -> None:
    assert set(Way(3e6, lost=lost).pass_s(60)) == rungs


def test_where_packets_go_missing_nothing_rises() -> None:
    way = Way(1e5)
    way.pass_s(20)
    way.carries_bps, way.lost = 3e6, 0.05
    assert set(way.pass_s(100)) == {3}


def test_a_step_up_is_not_undone_by_an_estimate_that_has_yet_to_follow() -> None:
    state = rate_ladder.initial_state(CONFIG, 0.0)
    rate_ladder.note_estimate(CONFIG, state, 340e3, 1.6e6, now_s=3.0)
    assert state.rung == 3
    rate_ladder.note_estimate(CONFIG, state, 300e3, 200e3, now_s=12.0)
    assert state.rung == 2
    rate_ladder.note_estimate(CONFIG, state, 300e3, 400e3, now_s=17.0)
    assert state.rung == 2
    rate_ladder.note_estimate(CONFIG, state, 300e3, 400e3, now_s=19.0)
    assert state.rung == 3


def test_a_step_up_is_undone_at_once_and_alone_when_the_estimate_falls() -> None:
    state = rate_ladder.initial_state(CONFIG, 0.0)
    rate_ladder.note_estimate(CONFIG, state, 500e3, 1.6e6, now_s=3.0)
    assert state.rung == 2
    rate_ladder.note_estimate(CONFIG, state, 560e3, 390e3, now_s=12.0)
    assert state.rung == 1
    rate_ladder.note_estimate(CONFIG, state, 580e3, 0, now_s=13.0)
    rate_ladder.note_estimate(CONFIG, state, 350e3, 0, now_s=14.0)
    assert state.rung == 2


def fallen(estimates_bps: list[float], carried_bps: float | None) -> list[int]:
    """Return the rung after each estimate of those, a tenth of a second apart, at full bitrate."""
    state = rate_ladder.initial_state(CONFIG, 0.0)
    rate_ladder.note_estimate(CONFIG, state, 2.4e6, FULL_BPS, now_s=9.9)
    rungs = []
    for count, bps in enumerate(estimates_bps):
        now_s = 10 + count / 10
        rate_ladder.note_estimate(CONFIG, state, bps, FULL_BPS, now_s, carried_bps)
        rungs.append(state.rung)
    return rungs


@pytest.mark.parametrize(("carried_bps", "rung"), [(1e6, 1), (900e3, 2), (480e3, 2), (300e3, 3)])
def test_what_is_seen_to_come_through_says_how_far_to_fall(carried_bps: float, rung: int) -> None:
    # The estimate is a mean, of a good time too.
    assert fallen([1.3e6], carried_bps) == [rung]
    assert fallen([1.3e6], None) == [1]


def test_an_estimate_that_is_lower_than_what_was_seen_counts() -> None:
    assert fallen([190e3], 1e6) == [3]


def test_what_comes_through_says_nothing_while_the_estimate_does_not_fall() -> None:
    assert fallen([2.4e6, 2.35e6, 2.4e6], 300e3) == [0, 0, 0]


def test_a_fall_that_is_seen_to_be_too_small_goes_on_at_once() -> None:
    state = rate_ladder.initial_state(CONFIG, 0.0)
    rate_ladder.note_estimate(CONFIG, state, 1.3e6, FULL_BPS, now_s=10.0)
    assert state.rung == 1
    for now_s, carried_bps, rung in ((10.1, None, 1), (10.2, 300e3, 3)):
        bps = state.estimate_bps * 0.9
        rate_ladder.note_estimate(CONFIG, state, bps, 0.0, now_s, carried_bps)
        assert state.rung == rung


def test_an_estimate_that_falls_slowly_has_fallen_in_the_end() -> None:
    rungs = fallen([2.4e6 * 0.97**count for count in range(5)], 300e3)
    assert rungs == [0, 0, 3, 3, 3]


def test_a_bitrate_that_is_low_enough_for_what_comes_through_stays() -> None:
    state = rate_ladder.initial_state(CONFIG, 0.0)
    rate_ladder.note_estimate(CONFIG, state, 2.4e6, FULL_BPS, now_s=9.9)
    for now_s, bps, carried_bps in ((10.0, 1.3e6, 300e3), (10.1, 1.1e6, 1.1e6)):
        rate_ladder.note_estimate(CONFIG, state, bps, 0.0, now_s, carried_bps)
        assert state.rung == 3


def test_what_has_proven_itself_is_soon_tried_again() -> None:
    state = rate_ladder.initial_state(CONFIG, 0.0)
    for now_s, bps, rung in ((10, 700e3, 2), (19, 700e3, 1), (20, 500e3, 2), (37, 700e3, 1)):
        rate_ladder.note_estimate(CONFIG, state, bps, 400e3 if rung == 1 else 800e3, now_s)
        assert state.rung == rung
    assert state.retry_s == 2 * CONFIG.retry_s
    rate_ladder.note_estimate(CONFIG, state, 500e3, 800e3, 37 + CONFIG.proven_s)
    assert state.rung == 2
    assert state.retry_s == CONFIG.retry_s


def test_a_try_that_fails_further_than_it_rose_is_one_that_failed() -> None:
    state = rate_ladder.initial_state(CONFIG, 0.0)
    rate_ladder.note_estimate(CONFIG, state, 420e3, FULL_BPS, now_s=10.0)
    assert state.rung == 2
    rate_ladder.note_estimate(CONFIG, state, 560e3, 390e3, now_s=19.0)
    assert state.rung == 1
    rate_ladder.note_estimate(CONFIG, state, 500e3, 0.0, now_s=20.0, carried_bps=500e3)
    rate_ladder.note_estimate(CONFIG, state, 300e3, 0.0, now_s=20.2, carried_bps=300e3)
    assert state.rung == 3
    assert state.retry_s == 2 * CONFIG.retry_s


@pytest.mark.parametrize("rates_bps", [(), (100, 100), (100, 200), (100, 0)])
def test_rates_that_do_not_fall_are_refused(rates_bps: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="highest first"):
        LadderConfig(rates_bps)
