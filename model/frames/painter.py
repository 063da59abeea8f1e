"""Painting the mouth over its warp, frame after frame, from the face's own last pictures."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.frames.frame_denoiser import (
    NOISE_SCALE,
    FrameDenoiser,
    FrameDenoiserConfig,
    ReferenceFeatures,
)
from model.frames.mouth_crop import MouthCrop
from model.frames.warp import Head, head_at_rest
from model.identity.identity import Identity
from model.motion.face import FaceMotion, face_at_rest

_NOISE_SEED = 0
# Between the painted mouth and its warp, so that nobody sees the change.
_FADE_FRAMES = 8


@dataclass
class MouthMemory:
    """What is known of one mouth.

    mouth: (1, 3, S, S) as the portrait shows it. reference: its features. motion_frames: the last
    pictures (1, 3 * N, S, S).
    """

    mouth: Tensor
    reference: ReferenceFeatures
    motion_frames: Tensor


@dataclass
class PaintState:
    """What one session carries from frame to frame; empty until its first frame.

    gain: how much of the painted mouth is shown over its warp, 0..1.
    """

    identity: Identity | None = None
    memory: MouthMemory | None = None
    gain: float = 1.0


class MouthPainter:
    """Runs the frame denoiser in one evaluation per frame, in bfloat16 where the CPU has it."""

    def __init__(self, denoiser: FrameDenoiser) -> None:
        self.dtype = torch.bfloat16 if has_bfloat16() else torch.float32
        self.config = denoiser.config
        denoiser = denoiser.eval().to(self.dtype)
        self._denoiser = denoiser.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = self.config.crop_px
        # The same noise in every frame: what it decides must not flicker.
        random = torch.Generator().manual_seed(_NOISE_SEED)
        self._noise = NOISE_SCALE * torch.randn(1, 3, size, size, generator=random).to(self.dtype)
        self._sigma = torch.ones(1)

    def paint(
        self,
        pixels: NDArray[np.uint8],
        identity: Identity,
        head: Head,
        motion: FaceMotion,
        state: PaintState,
        *,
        wanted: bool = True,
    ) -> None:
        """Paint the mouths of pixels (n, size_px, size_px, 3) in place, and advance `state`.

        Not `wanted`, the painted mouth gives way to the warp over a few frames, and costs nothing
        from then on.
        """
        if not wanted and state.gain == 0:
            state.identity = state.memory = None
            return
        if state.memory is None or state.identity is not identity:
            state.identity, state.memory = identity, self.begin(self.mouth_of(identity))
        crop = MouthCrop.follow(identity.rig, identity.mouth, head, motion)
        size = self.config.crop_px
        changes = self.changes(crop.cut(pixels, size), crop.locate(size), state.memory)
        for change in changes:
            step = 1 / _FADE_FRAMES if wanted else -1 / _FADE_FRAMES
            state.gain = min(max(state.gain + step, 0.0), 1.0)
            change *= state.gain
        crop.add(pixels, changes)

    def changes(
        self, warps: Tensor, locators: Tensor, memory: MouthMemory, codes: Tensor | None = None
    ) -> Tensor:
        """Say what to add to the next warps (n, 3, S, S) in -1..1, locators (n, 1, S, S).

        codes: (n, code_size) what is between the lips; else what is drawn there.
        """
        changes = []
        for i, (warp, locator) in enumerate(zip(warps[:, None], locators[:, None], strict=True)):
            code = self.read(warp, warp, locator, memory) if codes is None else codes[i : i + 1]
            warp, locator = warp.to(self.dtype), locator.to(self.dtype)
            past, reference = memory.motion_frames, memory.reference
            change = self._denoiser(self._noise, self._sigma, warp, locator, past, reference, code)
            memory.motion_frames = self._after(past, warp + change)
            changes.append(change.float())
        return torch.cat(changes)

    def _after(self, past: Tensor, picture: Tensor) -> Tensor:
        """Motion frames after a picture; the first stands for all of them, as in training."""
        if not past.any():
            return picture.repeat(1, self.config.num_motion_frames, 1, 1)
        return torch.cat([past[:, 3:], picture], dim=1)

    def begin(self, mouth: Tensor) -> MouthMemory:
        """Begin with the mouth (1, 3, S, S) of a portrait, in -1..1."""
        past = 3 * self.config.num_motion_frames
        zeros = torch.zeros(1, past, *mouth.shape[2:], dtype=self.dtype)
        mouth = mouth.to(self.dtype)
        return MouthMemory(mouth, self._denoiser.reference_net(mouth), zeros)

    def read(self, mouths: Tensor, warps: Tensor, locators: Tensor, memory: MouthMemory) -> Tensor:
        """Say the codes (n, code_size) of mouths (n, 3, S, S), true ones or drawn."""
        mouth = memory.mouth.expand(len(warps), -1, -1, -1)
        pictures = (part.to(self.dtype) for part in (mouths, warps, locators))
        codes: Tensor = self._denoiser.mouth_code.posterior(*pictures, mouth).mean
        return codes

    def mouth_of(self, identity: Identity) -> Tensor:
        """Cut out the mouth (1, 3, S, S) as the portrait shows it, in -1..1."""
        crop = MouthCrop.follow(identity.rig, identity.mouth, head_at_rest(), face_at_rest())
        return crop.cut(identity.portrait[None], self.config.crop_px)


def has_bfloat16() -> bool:
    """Whether this CPU computes in bfloat16 faster than in float32 (AVX512-BF16, AMX)."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def load_frame_denoiser(path: Path) -> FrameDenoiser:
    """Read weights and configuration from one safetensors file."""
    with safe_open(path, framework="pt") as file:
        values = json.loads(file.metadata()["config"])
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    denoiser = FrameDenoiser(FrameDenoiserConfig(**values | {"widths": tuple(values["widths"])}))
    denoiser.load_state_dict(weights)
    return denoiser.eval()


def save_frame_denoiser(denoiser: FrameDenoiser, path: Path) -> None:
    """Write weights (bfloat16) and configuration."""
    weights = {k: w.to(torch.bfloat16).contiguous() for k, w in denoiser.state_dict().items()}
    save_file(weights, path, {"config": json.dumps(asdict(denoiser.config))})
