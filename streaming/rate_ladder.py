"""Which of a few bitrates a picture has: what its receiver says that the way to it carries.

Congestion control as in draft-ietf-rmcat-gcc-02, on a ladder: a picture for many is coded at few
bitrates, once each. The receiver judges delay and sends its estimate (REMB,
draft-alvestrand-rmcat-remb-03); loss is judged here, from its reports (RFC 3550 section 6.4). How
far to fall is known sooner from what a way that is full carries: see `carried_rate`.
"""

from dataclasses import dataclass

# Shares of the full bitrate, as simulcast has them.
_SHARES = (1.0, 0.5, 0.25, 0.125)

# Loss of which draft-ietf-rmcat-gcc-02 section 6 says: less, and more, are possible.
_TOO_MUCH_LOST = 0.1
_LITTLE_LOST = 0.02
# An estimate falls to 0.85 times what comes out of a way that is too narrow, and rises up to 1.5
# times what comes (section 5.5). So what is sent is its measure, and a rung may send less than it
# could.
_TOO_NARROW = 0.95
_ROOM = 1.4
# It never falls while the way is free.
_FALLS = 0.95
# What is to be sent over a way that is full, so that its queue empties (section 5.5, too).
_LEAVES_FREE = 0.85


@dataclass(frozen=True)
class LadderConfig:
    """The rungs, and how long each step waits. Raises ValueError for rates that do not fall.

    settle_s: an estimate needs so long to follow a bitrate that has risen, unless it falls.
    step_s: least time between two steps down, no less than that over which `sent_bps` is measured,
    unless it is seen how much comes through.
    retry_s, max_retry_s: a step up comes so long after one down; each that fails doubles the time.
    proven_s: a step up has not failed if it lasts so long.
    """

    rates_bps: tuple[int, ...]
    settle_s: float = 6.0
    step_s: float = 2.5
    retry_s: float = 8.0
    max_retry_s: float = 240.0
    proven_s: float = 30.0

    def __post_init__(self) -> None:
        falls = all(a > b > 0 for a, b in zip(self.rates_bps, self.rates_bps[1:], strict=False))
        if not self.rates_bps or not falls:
            raise ValueError(
                f"rates_bps is {self.rates_bps}, expected some that fall: sort them, highest first"
            )


@dataclass
class LadderState:
    """`rung` counts from the highest bitrate; times are seconds of one clock.

    changed_s: when it last was another. rose: whether that was a step up. lost: share of the
    packets, by the last report. estimate_bps: the receiver's, without what is not yet a fall.
    has_room: by its last one, more would come through.
    """

    rung: int
    changed_s: float
    rose: bool
    retry_s: float
    lost: float = 0.0
    estimate_bps: float = 0.0
    has_room: bool = True


def ladder_config(full_bps: int) -> LadderConfig:
    """Return the rungs below a full bitrate."""
    return LadderConfig(tuple(round(full_bps * share) for share in _SHARES))


def initial_state(config: LadderConfig, now_s: float) -> LadderState:
    """Begin at the highest bitrate."""
    return LadderState(0, now_s, False, config.retry_s)


def note_estimate(
    config: LadderConfig,
    state: LadderState,
    bps: float,
    sent_bps: float,
    now_s: float,
    carried_bps: float | None = None,
) -> None:
    """Heed what the receiver estimates that its way carries, when so much is sent.

    ``carried_bps``: what it was just seen to carry, if it is full (`carried_rate`).
    """
    state.has_room = bps >= _ROOM * sent_bps
    falls = bps < _FALLS * state.estimate_bps
    if falls or bps > state.estimate_bps:
        state.estimate_bps = bps
    since_s = now_s - state.changed_s
    # So low the estimate will be, too, when the good time that it is a mean of has gone by.
    fits_bps = bps if carried_bps is None else min(bps, _LEAVES_FREE * carried_bps)
    fitting = sum(rate > fits_bps for rate in config.rates_bps)
    if falls and carried_bps is not None and fitting > state.rung:
        _descend(config, state, fitting, now_s)
    elif state.rose and since_s < config.settle_s:
        # What was tried does not come through: what was there before did.
        if falls:
            _descend(config, state, state.rung + 1, now_s)
    elif bps < _TOO_NARROW * sent_bps and since_s >= config.step_s:
        _descend(config, state, max(fitting, state.rung + 1), now_s)
    else:
        _climb(config, state, now_s)


def note_loss(config: LadderConfig, state: LadderState, lost: float, now_s: float) -> None:
    """Heed what a receiver lost, a share 0..1 of so many packets that it is no chance."""
    state.lost = lost
    if lost > _TOO_MUCH_LOST and now_s - state.changed_s >= config.step_s:
        arrived_bps = (1 - lost) * config.rates_bps[state.rung]
        carried = sum(rate > arrived_bps for rate in config.rates_bps)
        _descend(config, state, max(carried, state.rung + 1), now_s)
    else:
        _climb(config, state, now_s)


def _descend(config: LadderConfig, state: LadderState, rung: int, now_s: float) -> None:
    rung = min(rung, len(config.rates_bps) - 1)
    if rung == state.rung:
        return
    since_s = now_s - state.changed_s
    if state.rose and since_s < config.proven_s:
        state.retry_s = min(2 * state.retry_s, config.max_retry_s)
    elif since_s >= config.step_s:
        state.retry_s = config.retry_s
    state.rung, state.changed_s, state.rose = rung, now_s, False


def _climb(config: LadderConfig, state: LadderState, now_s: float) -> None:
    # A step up that has just been made has to prove itself before the next.
    wait_s = config.settle_s if state.rose else state.retry_s
    calm = state.lost <= _LITTLE_LOST and now_s - state.changed_s >= wait_s
    if state.rung > 0 and calm and state.has_room:
        state.rung, state.changed_s, state.rose = state.rung - 1, now_s, True
