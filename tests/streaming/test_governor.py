import itertools
from collections.abc import Callable

import pytest

from streaming import GovernorConfig
from streaming.governor import Governor, Quality

BUDGET_S = 0.04
WARPED = Quality(1, False, False, 1)
HALVED = Quality(1, False, True, 1)
SECOND = Quality(1, False, True, 2)


def governor(max_steps: int = 4) -> Governor:
    return Governor(GovernorConfig(), max_steps, BUDGET_S * 1000)


def machine(subject: Governor, hops: int, cost_s: Callable[[int, Quality], float]) -> list[Quality]:
    """Let a machine work on so many hops; return the quality of each."""
    qualities = []
    for hop in range(hops):
        qualities.append(subject.quality)
        subject.observe(cost_s(hop, subject.quality))
    return qualities


def test_a_fast_machine_keeps_full_quality() -> None:
    subject = governor()
    qualities = machine(subject, 1000, lambda hop, quality: 0.03)
    assert set(qualities) == {Quality(num_steps=4, painted=True, halved=False, draw_every=1)}
    assert subject.changes == 0


def test_steps_give_first_then_the_painted_mouth_then_detail_then_frames() -> None:
    qualities = machine(governor(), 100, lambda hop, quality: 0.5)
    ladder = list(dict.fromkeys(qualities))
    assert ladder == [*(Quality(n, True, False, 1) for n in (4, 3, 2, 1)), WARPED, HALVED, SECOND]
    assert qualities[25:] == [SECOND] * 75


def test_a_mouth_that_is_never_painted_is_no_step_of_the_ladder() -> None:
    subject = Governor(GovernorConfig(), 2, BUDGET_S * 1000, paints=False)
    qualities = machine(subject, 100, lambda hop, quality: 0.5)
    assert list(dict.fromkeys(qualities)) == [Quality(2, False, False, 1), WARPED, HALVED, SECOND]


def test_one_slow_hop_alone_changes_nothing() -> None:
    subject = governor()
    machine(subject, 1000, lambda hop, quality: 0.5 if hop % 10 == 0 else 0.03)
    assert subject.changes == 0


def test_quality_comes_back_on_a_machine_whose_hiccups_never_cease() -> None:
    subject = governor()
    machine(subject, 100, lambda hop, quality: 0.5)
    qualities = machine(subject, 1000, lambda hop, quality: 0.5 if hop % 8 == 0 else 0.02)
    assert qualities[-1] == Quality(4, True, False, 1)
    assert subject.quality == qualities[500]


def test_it_settles_on_what_the_machine_can_do() -> None:
    # 10 ms per step and 10 besides: 3 steps cost exactly the budget.
    qualities = machine(governor(), 4000, lambda hop, quality: 0.01 + 0.01 * quality.num_steps)
    assert qualities[100:].count(Quality(3, True, False, 1)) == 3900


def test_quality_comes_back_when_the_load_is_gone() -> None:
    subject = governor()
    machine(subject, 100, lambda hop, quality: 0.5)
    qualities = machine(subject, 400, lambda hop, quality: 0.005 * quality.num_steps)
    assert qualities[-1] == Quality(4, True, False, 1)
    ladder = list(dict.fromkeys(qualities))
    assert ladder == [SECOND, HALVED, WARPED, *(Quality(n, True, False, 1) for n in (1, 2, 3, 4))]


def test_a_rise_that_fails_is_tried_less_and_less() -> None:
    # Two steps look easy and three are far too much: without a memory it would swing for ever.
    subject = governor()

    def cost_s(hop: int, quality: Quality) -> float:
        return 0.02 if quality.num_steps <= 2 else 0.08

    machine(subject, 12, cost_s)
    too_much = machine(subject, 45_000, cost_s).count(Quality(3, True, False, 1))
    # An hour: a try of 7 hops per 16 s.
    assert too_much < 45_000 / 200 * 10


def test_detail_that_does_not_hold_is_hardly_ever_tried() -> None:
    # It is seen: the picture would go sharp and soft for ever.
    subject = governor()

    def cost_s(hop: int, quality: Quality) -> float:
        return 0.02 if quality.halved else 0.08

    machine(subject, 5_000, cost_s)
    qualities = machine(subject, 45_000, cost_s)
    rises = sum(b == WARPED and a == HALVED for a, b in itertools.pairwise(qualities))
    # An hour: every two minutes.
    assert 20 <= rises <= 30


def test_a_hop_without_time_left_counts_as_slow_however_cheap_it_was() -> None:
    subject = governor()
    for _ in range(GovernorConfig().late_hops + 1):
        subject.observe(0.001, too_late=True)
    assert subject.quality == Quality(3, True, False, 1)


def test_without_a_step_there_is_nothing_to_govern() -> None:
    with pytest.raises(ValueError, match="max_steps is 0"):
        governor(max_steps=0)
