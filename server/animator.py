"""The model, as far as the server knows it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model.avatar import AvatarState, HopRequest
from model.identity.identity import Identity


class Animator(Protocol):
    """What the server needs of ``model.avatar.Avatar``."""

    hop_frames: int
    lookahead_frames: int
    sound_lead_ms: int
    max_steps: int
    paints: bool

    @property
    def is_alive(self) -> bool:
        """Whether it can compute: what runs in a process of its own may be gone for good."""
        ...

    def identify(self, image: bytes, size_px: int = 512) -> Identity:
        """Compute all that is computed once from a portrait; may run beside the other methods."""
        ...

    def open(self, seed: int) -> AvatarState:
        """Return the state of a new session."""
        ...

    def animate(self, requests: Sequence[HopRequest]) -> list[Tensor]:
        """Return (hop_frames, M + 2) motion for each request and advance its state."""
        ...

    def render(
        self,
        identity: Identity,
        motion: Tensor,
        state: AvatarState,
        *,
        painted: bool = True,
        mouth_gain: Sequence[float] | None = None,
    ) -> NDArray[np.uint8]:
        """Draw (n, M + 2) motion as a session's next frames (n, size_px, size_px, 3) RGB.

        Together they take far less time than one by one; but the first is there later.
        """
        ...

    def cut_out(
        self, identity: Identity, motion: Tensor, frames: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Cut the person out of frames drawn of (n, M + 2) motion: (n, size_px, size_px, 4)."""
        ...

    def warm_up(self) -> None:
        """Make the first hop as fast as all others."""
        ...
