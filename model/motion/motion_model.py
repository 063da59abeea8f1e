"""The sliding window over the denoiser: audio features in, a few frames of motion out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.compiled import Graph
from model.motion.brows import BrowState, initial_brow_state, next_brows
from model.motion.contact import ContactProbe, LipCloser
from model.motion.denoiser import DenoiserConfig, MotionDenoiser
from model.motion.gaze import counter_rotation, initial_gaze_state, next_fixations
from model.motion.guidance import Denoise, guided
from model.motion.head import STIFFNESS, reach
from model.motion.posture import initial_posture_state, next_postures
from model.motion.renewal import HeldState
from model.motion.sampler import euler_flow_sampler
from model.motion.space import NUM_GAZE, NUM_HEAD
from model.motion.spring import SpringState, follow, initial_spring_state
from model.motion.voice import RestState, VoiceProbe, next_gains

_GAZE, _HEAD = slice(-NUM_HEAD - NUM_GAZE, -NUM_HEAD), slice(-NUM_HEAD, None)


@dataclass
class MotionState:
    """What one session carries from hop to hop; batch first, so that sessions can be stacked.

    motion_frames: (1, N, M) the last clean frames, zeros at the start, as in EMO.
    audio_features: (1, A, D) the last features, zeros at the start.
    generator: of the session's seed.
    """

    motion_frames: Tensor
    audio_features: Tensor
    generator: torch.Generator
    rest: RestState
    head: SpringState
    posture: HeldState
    gaze: HeldState
    brows: BrowState


class MotionModel:
    """Audio features to motion, hop by hop, for any number of sessions at once."""

    def __init__(
        self,
        denoiser: MotionDenoiser,
        trained_with: Mapping[str, str] | None = None,
        guidance_scale: float = 1.0,
    ) -> None:
        """`trained_with`: SHA-256 of the weight files whose numbers this model speaks, by name.

        guidance_scale: 1 for none, which is one evaluation instead of two.
        """
        self.denoiser = denoiser.eval()
        self.config = denoiser.config
        self.trained_with = dict(trained_with or {})
        self.guidance_scale = guidance_scale
        self._graph: Graph | None = None
        self._rest_by: VoiceProbe | None = None
        self._close_by: tuple[ContactProbe, LipCloser, slice] | None = None

    def run_by(self, graph: Graph) -> None:
        """Evaluate the denoiser, with guidance if it has any, by `graph`."""
        self._graph = graph

    def rest_in_silence(self, probe: VoiceProbe) -> None:
        """Bring the mouth to rest, and calm the brows, while `probe` hears nobody speak."""
        self._rest_by = probe

    def meet_at_contacts(self, probe: ContactProbe, closer: LipCloser, mouth: slice) -> None:
        """Let `closer` bring the lips of coefficients `mouth` together where `probe` hears it."""
        self._close_by = probe, closer, mouth

    @classmethod
    def load(cls, path: Path) -> "MotionModel":
        """Read weights and configuration from one safetensors file."""
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        guidance_scale = float(metadata["guidance_scale"])
        return cls(load_denoiser(path), json.loads(metadata["trained_with"]), guidance_scale)

    def save(self, path: Path) -> None:
        """Write weights (half precision) and configuration."""
        weights = {k: v.half().contiguous() for k, v in self.denoiser.state_dict().items()}
        metadata = {
            "config": json.dumps(asdict(self.config)),
            "trained_with": json.dumps(self.trained_with),
            "guidance_scale": str(self.guidance_scale),
        }
        save_file(weights, path, metadata=metadata)

    def initial_state(self, seed: int) -> MotionState:
        """Begin a session; the same seed and audio give the same motion."""
        c = self.config
        return MotionState(
            motion_frames=torch.zeros(1, c.num_motion_frames, c.motion_dim),
            audio_features=torch.zeros(1, c.num_audio_frames, c.feature_dim),
            generator=torch.Generator().manual_seed(seed),
            rest=RestState(),
            head=initial_spring_state(NUM_HEAD),
            posture=initial_posture_state(seed),
            gaze=initial_gaze_state(seed),
            brows=initial_brow_state(seed),
        )

    @torch.inference_mode()
    def step(
        self, features: Tensor, states: list[MotionState], head_speed: Tensor, num_steps: int
    ) -> Tensor:
        """Denoise the next hop of every session and advance their states in place.

        features: (B, H, D) of the new frames. head_speed: (B,) rad/s. Returns motion (B, H, M).
        """
        c = self.config
        audio = torch.cat([torch.cat([s.audio_features for s in states]), features], dim=1)
        audio = audio[:, -c.num_audio_frames :]
        motion_frames = torch.cat([s.motion_frames for s in states])
        size = (c.hop_frames, c.motion_dim)
        noise = torch.stack([torch.randn(size, generator=state.generator) for state in states])
        denoise = self._guided(motion_frames, audio, head_speed)
        motion = euler_flow_sampler(denoise, noise, num_steps)
        frames = torch.cat([motion_frames, motion], dim=1)[:, -c.num_motion_frames :]
        postures = np.stack([next_postures(s.posture, c.hop_frames) for s in states])
        heads = reach(motion[..., _HEAD], torch.from_numpy(postures), head_speed)
        speech = self._speech(features, states)
        # What follows is not remembered: the denoiser has learned from mouths that nothing shuts,
        # and one that saw its head come late would slow it down, hop by hop.
        motion[..., : c.num_mouth] *= speech[..., None]
        for i, state in enumerate(states):
            state.motion_frames = frames[i : i + 1]
            state.audio_features = audio[i : i + 1]
            motion[i, :, _HEAD] = follow(state.head, heads[i], STIFFNESS)
            fixations = torch.from_numpy(next_fixations(state.gaze, c.hop_frames))
            motion[i, :, c.num_mouth] += next_brows(state.brows, speech[i])
            motion[i, :, _GAZE] += fixations + counter_rotation(motion[i, :, _HEAD])
        if self._close_by is not None:
            contact, closer, mouth = self._close_by
            share = contact.closing(audio, c.hop_frames)
            motion[..., mouth] = closer.close(motion[..., mouth], share)
        return motion

    def _speech(self, features: Tensor, states: list[MotionState]) -> Tensor:
        """How much of the mouth's movement is shown (B, H): 1, and less and less in silence."""
        if self._rest_by is None:
            return torch.ones(features.shape[:2])
        flags = self._rest_by.speaks(features).tolist()
        return torch.tensor([next_gains(s.rest, own) for s, own in zip(states, flags, strict=True)])

    def _guided(self, motion_frames: Tensor, audio: Tensor, head_speed: Tensor) -> Denoise:
        conditions = (motion_frames, audio, head_speed)
        graph = self._graph
        if graph is None:
            return guided(self.denoiser, *conditions, self.guidance_scale)

        def denoise(noisy: Tensor, sigma: float | Tensor) -> Tensor:
            levels = torch.as_tensor(sigma).expand(noisy.shape[0])
            return graph.run(noisy, levels, *conditions)[0]

        return denoise


def load_denoiser(path: Path) -> MotionDenoiser:
    """Read the denoiser alone from such a file."""
    with safe_open(path, framework="pt") as file:
        config = DenoiserConfig(**json.loads(file.metadata()["config"]))
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    denoiser = MotionDenoiser(config)
    denoiser.load_state_dict(weights)
    return denoiser
