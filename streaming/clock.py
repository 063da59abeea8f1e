"""One clock per session: from the microphone's pts to a position, from a position to local time."""

import math
from collections import deque
from dataclasses import dataclass

from streaming.rates import VOICE_CHUNK_SAMPLES, VOICE_RATE

BUCKET_S = 0.25
"""The clock learns once per bucket of this many seconds of arrivals."""

DRIFT_SAMPLE_S = 5.0
DRIFT_SAMPLES = 25
"""Drift is the slope over this many samples of the offset: two minutes."""


@dataclass(frozen=True)
class ClockConfig:
    """How the clock follows the microphone. Raises ValueError for values that cannot work."""

    window_ms: float = 2000
    """The quickest arrival within this long is taken for the path without its jitter."""
    slew_ppm: float = 500
    """Fastest gradual correction; a sound card is within 200 ppm of ours."""
    step_ms: float = 20
    """A larger error is corrected at once: slewing 20 ms away takes 40 s already."""
    resync_ms: float = 200
    """From a packet that arrives this much too late or too early the clock does not learn."""
    resync_after_ms: float = 300
    """Only such packets for this long: the pts have jumped, so they are mapped anew."""

    def __post_init__(self) -> None:
        if self.window_ms < 2000 * BUCKET_S:
            raise ValueError(
                f"window_ms is {self.window_ms:g}, expected {2000 * BUCKET_S:g} or more"
            )
        if self.slew_ppm <= 0:
            raise ValueError(f"slew_ppm is {self.slew_ppm:g}, expected more than 0")
        if not 0 < self.step_ms < self.resync_ms:
            raise ValueError(
                f"step_ms is {self.step_ms:g}, expected more than 0 and less than "
                f"resync_ms ({self.resync_ms:g})"
            )
        if self.resync_after_ms <= 0:
            raise ValueError(f"resync_after_ms is {self.resync_after_ms:g}, expected more than 0")


class SessionClock:
    """Maps pts to positions, and positions to local time. Nothing else in a session keeps time.

    A position counts samples at 48 kHz since the session began and never jumps, whatever the pts
    do. `time_of(position)` is when that sample arrives if the network does not delay it: arrival
    minus position is lowest for the packets that did not wait, and their lowest value within a
    window is followed slowly, as NTP's clock filter does (RFC 5905, section 10). So drift of
    the microphone's clock never adds up, and jitter does not move the playout.
    """

    def __init__(self, config: ClockConfig, now: float) -> None:
        self.config = config
        self.resyncs = 0
        self.steps = 0
        self.early_samples = 0
        self._offset_s = now
        self._shift: int | None = None
        self._strange_since: float | None = None
        self._quickest: deque[tuple[float, float]] = deque()
        self._history: deque[tuple[float, float]] = deque(maxlen=DRIFT_SAMPLES)

    def time_of(self, position: int) -> float:
        """Return the local time in seconds at which the sample at `position` has arrived."""
        return self._offset_s + position / VOICE_RATE

    def position_at(self, now: float) -> int:
        """Return the position that the microphone has reached at `now`: the live edge."""
        # A thousandth of a sample absorbs the rounding of floats.
        return math.floor((now - self._offset_s) * VOICE_RATE + 1e-3)

    @property
    def drift_ppm(self) -> float:
        """Slope of the last two minutes; positive: the microphone's clock is slower than ours."""
        if len(self._history) < 2:
            return 0.0
        (first_s, first_offset_s), (last_s, last_offset_s) = self._history[0], self._history[-1]
        return (last_offset_s - first_offset_s) / (last_s - first_s) * 1e6

    def expect_new_pts(self) -> None:
        """Take the next packet for one of another source: its pts start anywhere."""
        self._shift = None

    def place(self, pts: int, samples: int, now: float, lead_in: int = 0) -> int | None:
        """Return the position of a packet's first sample and learn from its arrival.

        `pts` is in 1/48000 s, `samples` are at 48 kHz. None: the packet arrived more than
        `resync_ms` before its time, so it belongs nowhere; it is counted in `early_samples`. One
        that comes as much too late may still be played. When `resync_after_ms` brought only such
        packets (the sender restarted or skipped, or the path became longer), the next one is placed
        at the live edge and `resyncs` counts it.
        `lead_in` is added to the position of the first packet; see `streaming.resample.lead_in`.
        """
        if self._shift is None:
            return self._anchor(pts, samples, now, lead_in)
        position = pts + self._shift
        lateness_s = now - self.time_of(position + samples)
        if abs(lateness_s) * 1000 <= self.config.resync_ms:
            self._strange_since = None
            self._learn(lateness_s + self._offset_s, now)
            return position
        if self._strange_since is None:
            self._strange_since = now
        if (now - self._strange_since) * 1000 >= self.config.resync_after_ms:
            self.resyncs += 1
            return self._anchor(pts, samples, now, lead_in)
        if lateness_s > 0:
            return position
        self.early_samples += samples
        return None

    def _anchor(self, pts: int, samples: int, now: float, lead_in: int) -> int:
        """Put the packet at the live edge, on the grid of the voice chunks."""
        earliest = self.position_at(now) - samples - lead_in
        position = lead_in + max(0, -(-earliest // VOICE_CHUNK_SAMPLES)) * VOICE_CHUNK_SAMPLES
        self._shift = position - pts
        self._strange_since = None
        self._offset_s = now - (position + samples) / VOICE_RATE
        self._quickest.clear()
        self._history.clear()
        return position

    def _learn(self, offset_s: float, now: float) -> None:
        """Take in one arrival; correct the offset whenever a bucket of them is full."""
        if self._quickest and now - self._quickest[-1][0] < BUCKET_S:
            started, lowest_s = self._quickest[-1]
            self._quickest[-1] = (started, min(lowest_s, offset_s))
            return
        window_s = self.config.window_ms / 1000
        while self._quickest and now - self._quickest[0][0] > window_s + BUCKET_S:
            self._quickest.popleft()
        if self._quickest:
            full = now - self._quickest[0][0] >= window_s
            lowest_s = min(offset_s for _, offset_s in self._quickest)
            self._follow(lowest_s, full=full)
            if full and (not self._history or now - self._history[-1][0] >= DRIFT_SAMPLE_S):
                self._history.append((now, lowest_s))
        self._quickest.append((now, offset_s))

    def _follow(self, lowest_s: float, *, full: bool) -> None:
        """Move the offset toward `lowest_s`, the quickest arrival; `full`: of a whole window."""
        error_s = lowest_s - self._offset_s
        step_s = self.config.step_ms / 1000
        # Earlier than thought is certain, since no packet arrives before it is sent. Later is only
        # believed after a whole window in which not one packet was quick.
        if error_s < -step_s or (full and error_s > step_s):
            self._offset_s += error_s
            self.steps += 1
            self._history.clear()
            return
        slew_s = self.config.slew_ppm * 1e-6 * BUCKET_S
        self._offset_s += max(-slew_s, min(slew_s, error_s))
