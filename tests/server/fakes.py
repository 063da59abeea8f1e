"""Stand-ins for what is slow: a model that draws loudness, and a peer that calls."""

import asyncio
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
from model.identity.picture import PortraitError
from server.tts import SpeechError, Spoken

SIZE_PX = 256


@dataclass
class FakeIdentity:
    """``shade`` is added to every pixel's blue: it tells portraits apart."""

    shade: int
    still: NDArray[np.uint8] = field(
        default_factory=lambda: np.full((SIZE_PX, SIZE_PX, 3), 40, np.uint8)
    )
    size_px: int = SIZE_PX
    half: "FakeIdentity | None" = None

    def __post_init__(self) -> None:
        if self.size_px == SIZE_PX:
            self.half = FakeIdentity(self.shade, self.still[::2, ::2], SIZE_PX // 2)


@dataclass
class FakeState:
    """The loudness of the sound that the next hop's frames wait for."""

    seed: int
    waiting: list[float] = field(default_factory=lambda: [0.0, 0.0])


class FakeVoice:
    """A synthesizer whose every sentence is a tone of ``tone_ms``.

    ``gate`` holds it up while it is cleared; ``failures`` are raised for their texts, after the
    first half of the tone if the text is in ``breaking``. It has no sound for "(silence) 1".
    """

    rate = 24_000

    def __init__(self) -> None:
        self.tone_ms = 300
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy = asyncio.Event()
        self.asked: list[tuple[str, str | None]] = []
        self.failures: dict[str, SpeechError] = {}
        self.breaking: set[str] = set()
        self.closed = False

    async def speak(self, text: str, voice: str | None) -> Spoken:
        self.asked.append((text, voice))
        self.busy.set()
        await self.gate.wait()
        failure = self.failures.get(text)
        if failure is not None and text not in self.breaking:
            raise failure
        times = np.arange(self.rate * self.tone_ms // 2000) / self.rate
        half = (np.sin(2 * np.pi * 400 * times) * 16_000).astype(np.int16)
        yield self.rate, half[: 0 if text.startswith("(silence)") else None]
        if failure is not None:
            raise failure
        yield self.rate, half[: 0 if text.startswith("(silence)") else None]

    async def warm_up(self) -> None:
        pass

    async def aclose(self) -> None:
        self.closed = True


class FakeAvatar:
    """Same interface and timing rules as the real one; its picture is as bright as the sound.

    motion (hop_frames, 2): loudness 0..1 and happiness 0..1. ``gate`` holds up animate while it is
    cleared, ``busy`` is set by animate. An upload is refused when it does not start with "FACE";
    its fifth byte is the shade. Where the mouth is painted, the first pixel is white.
    """

    hop_frames = 2
    lookahead_frames = 2
    sound_lead_ms = 10
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
        self.is_alive = True

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
        self,
        identity: Identity,
        motion: Tensor,
        state: AvatarState,
        *,
        painted: bool = True,
        mouth_gain: Sequence[float] | None = None,
    ) -> NDArray[np.uint8]:
        shade, size = cast(FakeIdentity, identity).shade, identity.size_px
        gains = [1.0] * len(motion) if mouth_gain is None else mouth_gain
        pictures = np.zeros((len(motion), size, size, 3), np.uint8)
        for picture, (level, happy), gain in zip(pictures, motion.tolist(), gains, strict=True):
            picture[..., 0] = 200 * happy
            picture[..., 1] = 40 + min(1.0, 2 * level) * gain * 200
            picture[..., 2] = shade
            if painted:
                picture[0, 0] = 255
        return pictures

    def cut_out(
        self, identity: Identity, motion: Tensor, frames: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """The person is the middle of the picture, half as wide and high."""
        rim = identity.size_px // 4
        alpha = np.zeros((*frames.shape[:3], 1), np.uint8)
        alpha[:, rim:-rim, rim:-rim] = 255
        self.cut_outs += 1
        return np.concatenate([frames, alpha], axis=-1)

    def warm_up(self) -> None:
        self.warmed_up = True
