"""The model as a whole: portrait to identity, sound to motion, motion to frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from model.batching import stack, unstack
from model.compiled import Graph, digest
from model.features.encoder import CausalAudioEncoder, EncoderState, load_encoder
from model.frames.painter import MouthPainter, PaintState, load_frame_denoiser
from model.frames.portrait_head import with_its_room, with_its_tilt
from model.frames.renderer import Renderer
from model.identity.half import halve
from model.identity.identity import Identity, build_identity
from model.motion.blink import BlinkState, initial_blink_state, next_closures
from model.motion.contact import ContactProbe, LipCloser
from model.motion.expression import EXPRESSIONS, expression_offsets, share_put_aside
from model.motion.face import FaceMotion
from model.motion.motion_model import MotionModel, MotionState
from model.motion.space import NUM_LIDS, MotionSpace
from model.motion.voice import VoiceProbe
from model.rates import FPS, SAMPLES_PER_FRAME

DEFAULT_WEIGHTS = Path(__file__).parent / "weights"
MAX_STEPS = 2
SOUND_LEAD_MS = 10
"""How much ahead of its frames' time the sound is heard: so late the lips of these weights move."""
COEFFICIENTS = slice(0, -2)
"""Of what `Avatar.animate` returns, the coefficients of the motion space."""
_ASIDE, _BREATH = -2, -1  # what follows them
# Angular speed of the head when the control is at 1; people who talk are at 0.1 to 0.3.
_MAX_HEAD_SPEED = 0.4
_BREATH_S = 4.2
# A changed expression comes over about a third of a second: of what is missing, each frame's share.
_EXPRESSION_RATE = 3 / FPS
# What the motion denoiser reads and writes is defined by these; other numbers would be noise to it.
_PARTS = ("audio_encoder.safetensors", "motion_space.safetensors")


class WeightsError(RuntimeError):
    """Weights are missing or belong to another version."""


def part_digests(weights_dir: Path) -> dict[str, str]:
    """SHA-256 of the weight files that a motion denoiser belongs to, by name."""
    return {name: digest(weights_dir / name) for name in _PARTS}


@dataclass(frozen=True)
class Controls:
    """Live controls of one session.

    expression: one of EXPRESSIONS, at `expression_strength` 0..1. head_speed: 0..1, how lively the
    head moves. Raises ValueError for anything else.
    """

    expression: str = "neutral"
    expression_strength: float = 0.5
    head_speed: float = 0.5

    def __post_init__(self) -> None:
        if self.expression not in EXPRESSIONS:
            raise ValueError(
                f"expression is {self.expression!r}, expected one of {', '.join(EXPRESSIONS)}"
            )
        for name in ("expression_strength", "head_speed"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, expected 0 to 1")


@dataclass
class AvatarState:
    """What one session carries from hop to hop; opaque to callers, made by `Avatar.open`.

    offset: (M,) of the expression. aside: how far the portrait's own makes way for it, 0..1.
    """

    encoder: EncoderState
    motion: MotionState
    blinks: BlinkState
    offset: Tensor
    aside: float = 0.0
    paint: PaintState = field(default_factory=PaintState)
    frames_done: int = 0


@dataclass(frozen=True)
class HopRequest:
    """One session's next hop: `samples` (hop_frames * 640,) at 16 kHz, -1..1."""

    state: AvatarState
    samples: NDArray[np.float32]
    controls: Controls
    num_steps: int


class Avatar:
    """Everything the server and the command line ask of the model."""

    def __init__(
        self,
        encoder: CausalAudioEncoder,
        motion: MotionModel,
        space: MotionSpace,
        painter: MouthPainter | None = None,
    ) -> None:
        self._encoder = encoder
        self._motion = motion
        self._space = space
        self._renderer = Renderer(painter)
        self._offsets = expression_offsets(space)
        self._shut = 1 / space.scale[:NUM_LIDS]
        self.hop_frames = motion.config.hop_frames
        self.lookahead_frames = encoder.lookahead_frames
        self.sound_lead_ms = SOUND_LEAD_MS
        self.max_steps = MAX_STEPS
        self.paints = painter is not None
        self.is_alive = True

    @classmethod
    def load(cls, weights_dir: Path = DEFAULT_WEIGHTS, *, paints: bool = False) -> "Avatar":
        """Read the weights; raises WeightsError when they are missing or do not fit together.

        paints: paint the mouth by the frame denoiser, over its warp.
        """
        try:
            encoder = load_encoder(weights_dir / "audio_encoder.safetensors")
            motion = MotionModel.load(weights_dir / "motion_denoiser.safetensors")
            space = MotionSpace.load(weights_dir / "motion_space.safetensors")
            probe = VoiceProbe.load(weights_dir / "voice_probe.safetensors")
            contact = ContactProbe.load(weights_dir / "contact_probe.safetensors")
            denoiser = weights_dir / "frame_denoiser.safetensors"
            painter = MouthPainter(load_frame_denoiser(denoiser)) if paints else None
        except FileNotFoundError as error:
            raise WeightsError(
                f"weights not found in {weights_dir}: {error}; reinstall likeness"
            ) from error
        except (ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
            raise WeightsError(
                f"weights in {weights_dir} are damaged or of another version: {error}"
            ) from error
        c, sizes = motion.config, (space.dim, space.num_mouth, encoder.feature_dim)
        found = (c.motion_dim, c.num_mouth, c.feature_dim)
        if found != sizes:
            raise WeightsError(
                f"the motion denoiser in {weights_dir} works on (motion, of it the mouth, features)"
                f" of size {found}, expected {sizes}: the files are of several versions"
            )
        for name, own in part_digests(weights_dir).items():
            if motion.trained_with.get(name) != own:
                raise WeightsError(
                    f"the motion denoiser in {weights_dir} was trained with another {name}: take "
                    "all weights from one version"
                )
        try:
            encoder.run_by(Graph.of(weights_dir / "audio_encoder.safetensors"))
            motion.run_by(Graph.of(weights_dir / "motion_denoiser.safetensors"))
        except (FileNotFoundError, ValueError) as error:
            raise WeightsError(
                f"a network in {weights_dir} is not compiled: {error}; reinstall likeness, or run"
                " `python -m model.train export` after training"
            ) from error
        motion.rest_in_silence(probe)
        motion.meet_at_contacts(contact, LipCloser(space.mouth_basis), space.mouth)
        return cls(encoder, motion, space, painter)

    def identify(self, image: bytes, size_px: int = 512) -> Identity:
        """Compute once what animating a portrait needs; raises PortraitError when it cannot."""
        identity = build_identity(image, self._space.template, self._space.neutralize, size_px)
        return replace(identity, half=halve(identity))

    def open(self, seed: int) -> AvatarState:
        """Begin a session; the same seed and sound give the same motion."""
        return AvatarState(
            encoder=self._encoder.initial_state(1),
            motion=self._motion.initial_state(seed),
            blinks=initial_blink_state(seed),
            offset=torch.zeros(self._space.dim),
        )

    @torch.inference_mode()
    def animate(self, requests: Sequence[HopRequest]) -> list[Tensor]:
        """Advance every session by one hop, as one batch; returns (hop_frames, M + 2) for each.

        Row j of hop i is the motion of video frame i * hop_frames - lookahead_frames + j, if the
        first hop's sound is that from sound_lead_ms after the first frame's beginning on; its last
        numbers are how far the portrait's own expression is put aside, 0..1, and the breath, -1..1.
        """
        expected = self.hop_frames * SAMPLES_PER_FRAME
        for request in requests:
            if request.samples.shape != (expected,):
                raise ValueError(f"samples are {request.samples.shape}, expected ({expected},)")
        results: dict[int, Tensor] = {}
        for steps in sorted({request.num_steps for request in requests}):
            chosen = [i for i, request in enumerate(requests) if request.num_steps == steps]
            motion = self._animate([requests[i] for i in chosen], steps)
            results.update(zip(chosen, motion, strict=True))
        return [results[i] for i in range(len(requests))]

    def _animate(self, requests: list[HopRequest], num_steps: int) -> list[Tensor]:
        states = [request.state for request in requests]
        samples = torch.from_numpy(np.stack([request.samples for request in requests]))
        features, encoded = self._encoder.encode(samples, stack([s.encoder for s in states]))
        for state, encoder_state in zip(states, unstack(encoded, len(states)), strict=True):
            state.encoder = encoder_state
        speed = torch.tensor([r.controls.head_speed * _MAX_HEAD_SPEED for r in requests])
        motion = self._motion.step(features, [s.motion for s in states], speed, num_steps)
        return [self._finish(request, own) for request, own in zip(requests, motion, strict=True)]

    def _finish(self, request: HopRequest, motion: Tensor) -> Tensor:
        state, controls = request.state, request.controls
        target = self._offsets[controls.expression] * controls.expression_strength
        aside = share_put_aside(controls.expression, controls.expression_strength)
        closures = torch.from_numpy(next_closures(state.blinks, len(motion)))
        lids = self._space.lids
        rows = []
        for row, closure in zip(motion, closures, strict=True):
            state.offset = state.offset + (target - state.offset) * _EXPRESSION_RATE
            state.aside += (aside - state.aside) * _EXPRESSION_RATE
            breath = math.sin(2 * math.pi * state.frames_done / (FPS * _BREATH_S))
            moved = row + state.offset
            # Whatever else lids do, a blink takes them from there.
            moved[lids] = torch.lerp(moved[lids], self._shut, closure)
            rows.append(torch.cat([moved, row.new_tensor([state.aside, breath])]))
            state.frames_done += 1
        return torch.stack(rows)

    def render(
        self,
        identity: Identity,
        motion: Tensor,
        state: AvatarState,
        *,
        painted: bool = True,
        mouth_gain: Sequence[float] | None = None,
    ) -> NDArray[np.uint8]:
        """Draw motion (n, M + 2) as a session's next n RGB frames (n, size_px, size_px, 3).

        painted: with a mouth from the frame denoiser; without it, its warp. mouth_gain: how far in
        each frame the mouth follows its motion; at 0 it rests, in the session's expression.
        """
        if mouth_gain is not None:
            mouth = self._space.mouth
            rest = state.offset[mouth]
            motion = motion.clone()
            gains = torch.tensor(mouth_gain)[:, None]
            motion[:, mouth] = torch.lerp(rest, motion[:, mouth], gains)
        face = self._face_of(identity, motion)
        return self._renderer.render(
            identity, face, motion[:, _BREATH], state.paint, painted=painted
        )

    def cut_out(
        self, identity: Identity, motion: Tensor, frames: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Cut the person out of the frames that `render` drew of this motion (n, M + 2).

        (n, size_px, size_px, 4) RGB, not multiplied by the matte, and matte.
        """
        face = self._face_of(identity, motion)
        return self._renderer.cut_out(identity, face, frames, motion[:, _BREATH])

    def face_motion(self, motion: Tensor) -> FaceMotion:
        """Say what motion (n, M + 2) does to a face without an expression of its own."""
        return self._space.decode(motion[:, COEFFICIENTS])

    def _face_of(self, identity: Identity, motion: Tensor) -> FaceMotion:
        """Say what motion (n, M + 2) does to a portrait's own face.

        It may smile at rest, be tilted, and have little room to move.
        """
        face = self.face_motion(with_its_room(identity.rig, motion, self._space))
        face = with_its_tilt(identity.rig, face)
        return replace(face, deltas=face.deltas - motion[:, _ASIDE, None, None] * identity.kept)

    def warm_up(self) -> None:
        """Animate once by each number of steps: the first hop then takes no longer than others."""
        silence = np.zeros(self.hop_frames * SAMPLES_PER_FRAME, np.float32)
        for num_steps in (1, self.max_steps):
            self.animate([HopRequest(self.open(0), silence, Controls(), num_steps)])
