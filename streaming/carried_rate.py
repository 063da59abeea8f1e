"""What a way carries, by what comes out of it while packets wait in it.

A way that is full gives out what it can: so much is known within a tenth of a second of a fall,
while a receiver's own estimate (REMB) begins with its mean over a second that was a good one.
"""

import math
from dataclasses import dataclass

# How fast a way that has become longer is taken for as long as it is, in seconds per second.
_FORGETS = 0.01


@dataclass(frozen=True)
class CarriedConfig:
    """When packets are said to wait, and from what a rate is told.

    queue_s: so much later than the soonest ones they come; less is jitter, and time until a report.
    span_s, max_span_s: reports are taken together from so long on, and up to so long.
    packets: so many must have come in that time.
    """

    queue_s: float = 0.08
    span_s: float = 0.07
    max_span_s: float = 0.6
    packets: int = 4


@dataclass
class CarriedState:
    """`since_s`: packets have waited at least since then; None: they do not.

    `bytes` and `packets` came in that time. `least_delay_s`: what the soonest ones took, with their
    report. `reported_s`: when the last report came. `waited_s`: how much longer its newest took.
    """

    least_delay_s: float = math.inf
    reported_s: float = -math.inf
    waited_s: float = 0.0
    since_s: float | None = None
    bytes: float = 0.0
    packets: int = 0


def note_arrivals(
    config: CarriedConfig,
    state: CarriedState,
    delay_s: float,
    arrived_bytes: float,
    packets: int,
    now_s: float,
) -> float | None:
    """Return bits per second that the way carries, if it is full.

    What was reported at ``now_s`` arrived since the report before; the newest of it was sent
    ``delay_s`` ago, and has just arrived.
    """
    before_s, state.reported_s = state.reported_s, now_s
    state.least_delay_s = min(state.least_delay_s + _FORGETS * (now_s - before_s), delay_s)
    waited_s = state.waited_s = delay_s - state.least_delay_s
    if waited_s < config.queue_s:
        state.since_s = None
        return None
    if state.since_s is None:
        # Before that it may have idled. And if only this report is late, the next one tells.
        state.since_s, state.bytes, state.packets = now_s, 0.0, 0
        return None
    if now_s - state.since_s > config.max_span_s:
        state.since_s, state.bytes, state.packets = before_s, 0.0, 0
    state.bytes += arrived_bytes
    state.packets += packets
    span_s = now_s - state.since_s
    if span_s < config.span_s or state.packets < config.packets:
        return None
    return 8 * state.bytes / span_s
