"""The window plan: which sound a hop hears and which frames come out of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streaming.rates import VOICE_SAMPLES_PER_FRAME


@dataclass(frozen=True)
class WindowPlan:
    """Hop i hears frames [i * h, i * h + h) and yields frames [i * h - L, i * h + h - L).

    h = `hop_frames`, L = `lookahead_frames`: a frame's lips need the sound that follows it.
    Positions are samples at 48 kHz. Frame k is seen while position k * 1920 is heard. The model
    hears each hop `lead_samples` ahead of that, as much as its lips are late.
    Raises ValueError for a plan that yields nothing.
    """

    hop_frames: int
    lookahead_frames: int
    lead_samples: int = 0

    def __post_init__(self) -> None:
        if self.hop_frames < 1:
            raise ValueError(f"hop_frames is {self.hop_frames}, expected 1 or more")
        if self.lookahead_frames < 0:
            raise ValueError(f"lookahead_frames is {self.lookahead_frames}, expected 0 or more")
        if self.lead_samples < 0:
            raise ValueError(f"lead_samples is {self.lead_samples}, expected 0 or more")

    @property
    def hop_samples(self) -> int:
        """Samples of voice per hop."""
        return self.hop_frames * VOICE_SAMPLES_PER_FRAME

    def start(self, hop: int) -> int:
        """Return the position where the sound of hop number `hop` starts."""
        return hop * self.hop_samples + self.lead_samples

    def frames(self, hop: int) -> range:
        """Return the frames of hop number `hop`; those below 0 were before the session."""
        first = hop * self.hop_frames - self.lookahead_frames
        return range(first, first + self.hop_frames)

    def hop_of_frame(self, frame: int) -> int:
        """Return the number of the hop that yields `frame`."""
        return (frame + self.lookahead_frames) // self.hop_frames


@dataclass(frozen=True, eq=False)
class Hop:
    """One step of work for the model."""

    index: int
    samples: NDArray[np.float32]
    """(hop_frames * 640,) mono at 16 kHz, -1..1."""
    render_frames: tuple[int, ...]
    """The frames to draw. The motion of the others is made but not drawn: they are repeated."""
    num_steps: int
    """Denoising steps."""
    painted: bool
    """Whether the mouth is painted over its warp."""
    halved: bool
    """Whether its frames are drawn at half their size."""
    taken: float
    """The `now` at which it was handed out."""
    deadline: float
    """The `now` at which its first frame is due. Work on the earliest first."""
