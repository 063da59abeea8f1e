"""Answers 429 (RFC 6585 section 4) to a client that asks for the same thing too often."""

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import Request, params
from starlette.requests import HTTPConnection

from server import clients, problems
from server.metrics import Metrics
from server.problems import Problem
from server.token_buckets import TokenBuckets

# Of about 200 bytes each.
_MAX_CLIENTS = 10_000


def refusals(per_minute: float, burst: int) -> dict[int | str, dict[str, Any]]:
    """How the interface's description tells what `limited` answers."""
    return {
        429: problems.come_back(
            f"More from one address than {burst} at once and {per_minute:g} a minute"
        )
    }


class RateLimit:
    """So often may each client do ``what``, a plural. ``clock`` gives monotonic seconds."""

    def __init__(
        self,
        what: str,
        per_minute: float,
        burst: int,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._per_minute = per_minute
        self._buckets = TokenBuckets(per_minute, burst, _MAX_CLIENTS)
        self._metrics = metrics
        self._clock = clock

    def check(self, client: HTTPConnection) -> None:
        """Count it. Raises Problem 429 with Retry-After when it is too often."""
        wait_s = self._buckets.take(clients.name_of(client), self._clock())
        if wait_s > 0:
            self._metrics.requests_limited.inc()
            retry_after_s = math.ceil(wait_s)
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-requests",
                f"found more {self._what} from one address than {self._per_minute:g} a minute:"
                f" try again in {retry_after_s} s",
                {"Retry-After": str(retry_after_s)},
            )


def limited(
    what: str,
    per_minute: float,
    burst: int,
    metrics: Metrics,
    clock: Callable[[], float] = time.monotonic,
) -> params.Depends:
    """Make the dependency of a route with a RateLimit."""
    limit = RateLimit(what, per_minute, burst, metrics, clock)

    async def check(request: Request) -> None:
        limit.check(request)

    return params.Depends(check)
