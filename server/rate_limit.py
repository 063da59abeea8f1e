"""Answers 429 (RFC 6585 section 4) to a client that asks for the same thing too often."""

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import Request, params

from server import clients, problems
from server.metrics import Metrics
from server.problems import Problem
from server.token_buckets import TokenBuckets

# Of about 200 bytes each.
_MAX_CLIENTS = 10_000

# How the interface's description tells what `limited` answers.
REFUSALS: dict[int | str, dict[str, Any]] = {
    429: {
        "description": "Too many of these from one address: come back after Retry-After seconds",
        "content": {problems.MEDIA_TYPE: {}},
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
    }
}


def limited(
    what: str,
    per_minute: float,
    burst: int,
    metrics: Metrics,
    clock: Callable[[], float] = time.monotonic,
) -> params.Depends:
    """Make the dependency of a route for ``what``, a plural, that each client may use so often.

    It raises Problem 429 with Retry-After.
    """
    buckets = TokenBuckets(per_minute, burst, _MAX_CLIENTS)

    async def check(request: Request) -> None:
        wait_s = buckets.take(clients.name_of(request), clock())
        if wait_s > 0:
            metrics.requests_limited.inc()
            retry_after_s = math.ceil(wait_s)
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-requests",
                f"found more {what} from one address than {per_minute:g} a minute: try again in"
                f" {retry_after_s} s",
                {"Retry-After": str(retry_after_s)},
            )

    return params.Depends(check)
