"""The life of one call: its phases, its ends, and which phase may follow which."""

from enum import Enum


class Phase(Enum):
    """NEW: created. CONNECTING: answered, ICE and DTLS run. LIVE: media flows.

    DRAINING: the last messages leave. CLOSED: nothing of it is left.
    """

    NEW = "new"
    CONNECTING = "connecting"
    LIVE = "live"
    DRAINING = "draining"
    CLOSED = "closed"


class Ending(Enum):
    """Why a call ended; the value is what the browser is told and the metrics count."""

    HUNG_UP = "hung_up"
    CLIENT_GONE = "client_gone"
    CONNECT_TIMEOUT = "connect_timeout"
    IDLE = "idle"
    INFERENCE_FAILED = "inference_failed"
    INTERNAL_ERROR = "internal_error"
    SERVER_SHUTDOWN = "server_shutdown"


_NEXT: dict[Phase, frozenset[Phase]] = {
    Phase.NEW: frozenset({Phase.CONNECTING, Phase.CLOSED}),
    Phase.CONNECTING: frozenset({Phase.LIVE, Phase.DRAINING}),
    Phase.LIVE: frozenset({Phase.DRAINING}),
    Phase.DRAINING: frozenset({Phase.CLOSED}),
    Phase.CLOSED: frozenset(),
}


class TransitionError(RuntimeError):
    """A step that no call may take: a bug in the server."""


def advance(now_in: Phase, to: Phase) -> Phase:
    """``to``, if it may follow ``now_in``; raises TransitionError if not."""
    if to not in _NEXT[now_in]:
        raise TransitionError(f"a call that is {now_in.value} cannot become {to.value}")
    return to
