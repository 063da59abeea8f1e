"""Stand-ins for what is slow: a model that draws loudness, and a peer that calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.avatar import AvatarState, HopRequest
from model.identity.identity import Identity
from model.identity.portrait import PortraitError

SIZE_PX = 256


@dataclass
class FakeIdentity:
    """``shade`` is added to every pixel's blue: it tells portraits apart."""

    shade: int
    still: NDArray[np.uint8] = field(
        default_factory=lambda: np.full((SIZE_PX, SIZE_PX, 3), 40, np.uint8)
    )
    size_px: int = SIZE_PX


@dataclass
class FakeState:
    """The loudness of the sound that the next hop's frames wait for."""

    seed: int
    waiting: list[float] = field(default_factory=lambda: [0.0, 0.0])


class FakeAvatar:
    """Same interface and timing rules as the real one; its picture is as bright as the sound.

    motion (hop_frames, 2): loudness 0..1 and happiness 0..1. ``gate`` holds up animate while it is
    cleared, ``busy`` is set by animate. An upload is refused when it does not start with "FACE";
    its fifth byte is the shade.
    """

    hop_frames = 2
    lookahead_frames = 2
    max_steps = 4
    paints = True

    def __init__(self) -> None:
        self.gate = Event()
        self.gate.set()
        self.busy = Event()
        self.warmed_up = False
        self.cut_outs = 0
        self.batches: list[int] = []
        self.failure: Exception | None = None

    def identify(self, image: bytes, size_px: int = SIZE_PX) -> Identity:
        if not image.startswith(b"FACE"):
            raise PortraitError("found no face: send a picture of one person")
        return cast(Identity, FakeIdentity(image[4]))

    def open(self, seed: int) -> AvatarState:
        return cast(AvatarState, FakeState(seed))

    def animate(self, requests: Sequence[HopRequest]) -> list[Tensor]:
        self.busy.set()
        assert self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        self.batches.append(len(requests))
        return [self._animate(request) for request in requests]

    def _animate(self, request: HopRequest) -> Tensor:
        state = cast(FakeState, request.state)
        frames = request.samples.reshape(self.hop_frames, -1)
        state.waiting += [float(np.sqrt(np.mean(np.square(frame)))) for frame in frames]
        loudness, state.waiting = state.waiting[: self.hop_frames], state.waiting[self.hop_frames :]
        controls = request.controls
        happy = controls.expression_strength * (controls.expression == "happy")
        return torch.tensor([[level, happy] for level in loudness])

    def render(
        self, identity: Identity, motion: Tensor, state: AvatarState, *, painted: bool = True
    ) -> NDArray[np.uint8]:
        shade = cast(FakeIdentity, identity).shade
        pictures = np.zeros((len(motion), SIZE_PX, SIZE_PX, 3), np.uint8)
        for picture, (level, happy) in zip(pictures, motion.tolist(), strict=True):
            picture[..., 0] = 200 * happy
            picture[..., 1] = 40 + min(1.0, 2 * level) * 200
            picture[..., 2] = shade
        return pictures

    def cut_out(
        self, identity: Identity, motion: Tensor, frames: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """The person is the middle of the picture, half as wide and high."""
        rim = SIZE_PX // 4
        alpha = np.zeros((*frames.shape[:3], 1), np.uint8)
        alpha[:, rim:-rim, rim:-rim] = 255
        self.cut_outs += 1
        return np.concatenate([frames, alpha], axis=-1)

    def warm_up(self) -> None:
        self.warmed_up = True
