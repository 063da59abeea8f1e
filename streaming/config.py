"""The configuration of a stream, and the shortest delay that its numbers allow."""

import math
from dataclasses import dataclass, field

from model.rates import FRAME_MS
from streaming.clock import ClockConfig
from streaming.governor import GovernorConfig
from streaming.rates import ms_to_samples, samples_to_ms
from streaming.resample import HEARING_REACH_SAMPLES
from streaming.window import WindowPlan


@dataclass(frozen=True)
class StreamConfig:
    """One session's numbers. Raises ValueError when they cannot work together."""

    hop_frames: int = 2
    """New frames per step of the model."""
    lookahead_frames: int = 2
    """Future audio that a frame needs, in frames."""
    sound_lead_ms: int = 0
    """How much ahead of its frames' time the model hears the sound: so late its lips move."""
    max_steps: int = 4
    """Denoising steps at full quality."""
    paints: bool = True
    """Whether mouths are painted at full quality, not only warped."""
    playout_delay_ms: float = 220
    """From a sample's arrival to its playout, for voice and picture alike."""
    compute_budget_ms: float = 36
    """What a hop may take, from its last sample to its first frame, before quality gives way.

    Each further frame of it may take a frame's time more.
    """
    jitter_ms: float = 20
    """Lateness of packets that does not make a frame late."""
    packet_ms: int = 20
    """Length of the microphone's packets."""
    concealment_ms: float = 60
    """The model does without what has not arrived this long after its time.

    A playout delay that is longer than it must be lets it wait as much longer.
    """
    max_behind_ms: float = 200
    """What is this far past its time is skipped, so that a stall is not followed by a burst."""
    max_frozen_ms: float = 80
    """A picture that missed its time is shown all the same if the one on the screen is older."""
    max_undrawn_ms: float = 400
    """After more than this without a picture one is drawn, though it will be late."""
    clock: ClockConfig = field(default_factory=ClockConfig)
    governor: GovernorConfig = field(default_factory=GovernorConfig)

    def __post_init__(self) -> None:
        if self.sound_lead_ms < 0:
            raise ValueError(f"sound_lead_ms is {self.sound_lead_ms}, expected 0 or more")
        self.plan()
        if self.max_steps < 1:
            raise ValueError(f"max_steps is {self.max_steps}, expected 1 or more")
        for name in (
            "compute_budget_ms",
            "packet_ms",
            "concealment_ms",
            "max_behind_ms",
            "max_frozen_ms",
            "max_undrawn_ms",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name):g}, expected more than 0")
        if self.jitter_ms < 0:
            raise ValueError(f"jitter_ms is {self.jitter_ms:g}, expected 0 or more")
        if self.playout_delay_ms < self.min_playout_delay_ms:
            raise ValueError(
                f"playout_delay_ms is {self.playout_delay_ms:g}, expected "
                f"{self.min_playout_delay_ms:g} or more with hops of {self.hop_frames} and a "
                f"lookahead of {self.lookahead_frames} frames: raise it, or lower "
                f"compute_budget_ms ({self.compute_budget_ms:g}) or jitter_ms ({self.jitter_ms:g})"
            )

    def plan(self) -> WindowPlan:
        """Return which sound a hop hears, and which frames it yields."""
        lead_samples = ms_to_samples(self.sound_lead_ms)
        return WindowPlan(self.hop_frames, self.lookahead_frames, lead_samples)

    @property
    def min_playout_delay_ms(self) -> float:
        """The shortest delay at which every frame can be on time.

        The first frame of a hop starts `lookahead_frames` before the hop's sound, `sound_lead_ms`
        aside, which has arrived when the hop's last sample has, and 1.5 ms more for the filter. A
        hop that ends inside a packet waits for the packet's end. Then it is computed.
        """
        hop_ms = self.hop_frames * FRAME_MS
        window_ms = hop_ms + self.lookahead_frames * FRAME_MS + self.sound_lead_ms
        filter_ms = samples_to_ms(HEARING_REACH_SAMPLES)
        step_ms = math.gcd(self.packet_ms, hop_ms)
        packet_wait_ms = self.packet_ms - step_ms + -self.sound_lead_ms % step_ms
        return window_ms + filter_ms + packet_wait_ms + self.compute_budget_ms + self.jitter_ms

    @property
    def patience_ms(self) -> float:
        """How long after its time the model waits for sound, before it does without."""
        return self.concealment_ms + self.playout_delay_ms - self.min_playout_delay_ms

    @property
    def history_samples(self) -> int:
        """How much sound is kept: what playout and model still need, and what may come early."""
        behind_ms = self.playout_delay_ms + self.max_behind_ms + self.hop_frames * FRAME_MS
        return ms_to_samples(behind_ms + 2 * self.clock.resync_ms + self.packet_ms)
