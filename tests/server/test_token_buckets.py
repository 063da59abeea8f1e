import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.token_buckets import TokenBuckets


def test_a_burst_then_a_steady_rate() -> None:
    buckets = TokenBuckets(per_minute=6, burst=3, max_clients=10)
    assert [buckets.take("a", 100) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 100) == pytest.approx(10)
    assert buckets.take("a", 107) == pytest.approx(3)
    assert buckets.take("a", 110) == 0
    assert buckets.take("a", 110) == pytest.approx(10)


def test_who_waits_as_long_as_told_is_let_in() -> None:
    buckets = TokenBuckets(per_minute=7, burst=1, max_clients=10)
    now_s = 0.0
    assert buckets.take("a", now_s) == 0
    for _ in range(50):
        now_s += buckets.take("a", now_s) + 1e-6
        assert buckets.take("a", now_s) == 0


def test_a_rest_fills_the_bucket_and_no_more() -> None:
    buckets = TokenBuckets(per_minute=60, burst=2, max_clients=10)
    buckets.take("a", 0)
    assert [buckets.take("a", 9999) > 0 for _ in range(3)] == [False, False, True]


def test_clients_do_not_share() -> None:
    buckets = TokenBuckets(per_minute=1, burst=1, max_clients=10)
    assert buckets.take("a", 0) == 0
    assert buckets.take("b", 0) == 0
    assert buckets.take("a", 0) > 0


def test_the_one_that_was_idle_longest_is_forgotten() -> None:
    buckets = TokenBuckets(per_minute=1, burst=1, max_clients=2)
    for client, now_s in (("a", 0), ("b", 1), ("a", 2), ("c", 3)):
        buckets.take(client, now_s)
    assert len(buckets) == 2
    assert buckets.take("a", 4) > 0, "it asked after b did, and is remembered"
    assert buckets.take("b", 4) == 0, "it was forgotten: its bucket is full"
    assert len(buckets) == 2


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 30)), max_size=80),
    st.integers(1, 5),
)
def test_never_more_than_burst_and_rate_and_clients(
    asks: list[tuple[str, float]], burst: int
) -> None:
    buckets = TokenBuckets(per_minute=10, burst=burst, max_clients=6)
    now_s = 0.0
    taken = dict.fromkeys("abcdef", 0)
    for client, pause_s in asks:
        now_s += pause_s
        taken[client] += buckets.take(client, now_s) == 0
        assert taken[client] <= burst + now_s * 10 / 60 + 1e-6
        assert len(buckets) <= 6
