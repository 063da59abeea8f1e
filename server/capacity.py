"""How many calls this machine can hold, by computing a few hops as a call would."""

import statistics
import time
from dataclasses import dataclass

import numpy as np

from model.avatar import Controls, HopRequest
from model.identity.identity import Identity
from model.rates import FRAME_MS, SAMPLES_PER_FRAME
from server.animator import Animator
from server.config import VideoConfig
from server.encoders import PictureEncoder
from server.sdp import VideoCodec

WARM_UP_HOPS = 3
MEASURED_HOPS = 10

# The rest of the time is for sound, network, the event loop and whatever else runs.
_SHARE = 0.8


@dataclass(frozen=True)
class Capacity:
    """Median cost of one hop of one session, at the best quality, against its duration."""

    hop_ms: float
    motion_ms: float
    render_ms: float
    encode_ms: float
    hop_duration_ms: float

    @property
    def sessions(self) -> int:
        """Sessions that fit; at least one is always let in, the governor makes it fit."""
        return max(1, int(_SHARE * self.hop_duration_ms / self.hop_ms))

    @property
    def realtime_factor(self) -> float:
        """Media seconds per second of computing."""
        return self.hop_duration_ms / self.hop_ms


def measure(avatar: Animator, identity: Identity, video: VideoConfig) -> Capacity:
    """Animate, draw and code ``identity`` for noise as loud as speech. Takes about a second."""
    noise = np.random.default_rng(0)
    state = avatar.open(0)
    encoder = PictureEncoder(VideoCodec.H264, video)
    samples: list[tuple[float, float, float]] = []
    for hop in range(WARM_UP_HOPS + MEASURED_HOPS):
        heard = noise.normal(0, 0.1, avatar.hop_frames * SAMPLES_PER_FRAME).astype(np.float32)
        request = HopRequest(state, heard, Controls(), avatar.max_steps)
        start_s = time.perf_counter()
        motion = avatar.animate([request])[0]
        drawing_s = time.perf_counter()
        pictures = avatar.render(identity, motion, state)
        coding_s = time.perf_counter()
        for row, picture in enumerate(pictures):
            encoder.encode(picture, hop * avatar.hop_frames + row)
        end_s = time.perf_counter()
        samples.append((drawing_s - start_s, coding_s - drawing_s, end_s - coding_s))
    measured = samples[WARM_UP_HOPS:]
    motion_s, render_s, encode_s = (
        statistics.median(stage) for stage in zip(*measured, strict=True)
    )
    return Capacity(
        hop_ms=1000 * statistics.median(sum(stages) for stages in measured),
        motion_ms=1000 * motion_s,
        render_ms=1000 * render_s,
        encode_ms=1000 * encode_s,
        hop_duration_ms=avatar.hop_frames * FRAME_MS,
    )
