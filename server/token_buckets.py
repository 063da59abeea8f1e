"""How often each client may do something: one token bucket a client."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass
class _Bucket:
    tokens: float
    filled_s: float


class TokenBuckets:
    """Every client may do ``burst`` things at once, and ``per_minute`` of them for ever.

    At most ``max_clients`` are remembered. Who comes after that takes the place of the one that
    has not asked for the longest, whose bucket is the likeliest to be full again anyway.
    """

    def __init__(self, per_minute: float, burst: int, max_clients: int) -> None:
        self._per_s = per_minute / 60
        self._burst = burst
        self._max_clients = max_clients
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._buckets)

    def take(self, client: str, now_s: float) -> float:
        """Take a token and return 0; or return in how many seconds there will be one.

        ``now_s`` is of a clock that never goes back.
        """
        bucket = self._buckets.pop(client, None) or _Bucket(self._burst, now_s)
        self._buckets[client] = bucket
        if len(self._buckets) > self._max_clients:
            self._buckets.popitem(last=False)
        gained = (now_s - bucket.filled_s) * self._per_s
        bucket.tokens = min(self._burst, bucket.tokens + gained)
        bucket.filled_s = now_s
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._per_s
        bucket.tokens -= 1
        return 0
