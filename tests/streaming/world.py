"""A world around one stream: packets that arrive when they like, a model that takes its time.

Time is virtual. The world wakes when a packet arrives, a hop is finished, or `next_due` says so,
and never otherwise, as a server's task does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streaming import DueFrame, Hop, Stream, StreamConfig, VoiceChunk
from streaming.resample import HEARING_REACH_SAMPLES

PACKET_SAMPLES = 960
CONFIG = StreamConfig()
LEAD_IN = HEARING_REACH_SAMPLES
DELAY_S = CONFIG.playout_delay_ms / 1000


@dataclass(frozen=True)
class Packet:
    """(samples, channels) of sound, with the time at which they arrive."""

    arrival: float
    pts: int
    pcm: NDArray[np.int16]
    sample_rate: int = 48_000


@dataclass
class Diary:
    """What happened, and when."""

    hops: list[tuple[float, Hop]] = field(default_factory=list)
    voice: list[tuple[float, VoiceChunk]] = field(default_factory=list)
    frames: list[tuple[float, DueFrame[int]]] = field(default_factory=list)
    vain_wakes: int = 0
    """Times that `next_due` woke the world and there was nothing to do."""

    def heard(self) -> NDArray[np.float32]:
        """What the model heard, (samples,) at 16 kHz."""
        return np.concatenate([hop.samples for _, hop in self.hops])

    def played(self) -> NDArray[np.int16]:
        """The voice that was played, (samples,) at 48 kHz."""
        return np.concatenate([chunk.pcm[:, 0] for _, chunk in self.voice])

    def shown(self) -> list[int]:
        """The frames that were shown."""
        return [frame.index for _, frame in self.frames if not frame.superseded]


def instantly(hop: Hop) -> float:
    """A model that takes no time."""
    return 0.0


def live(
    stream: Stream[int],
    packets: Sequence[Packet],
    until: float,
    compute_s: Callable[[Hop], float] = instantly,
    start: float = 0.0,
) -> Diary:
    """Let `stream` live from `start` to `until`; `compute_s` is what a hop takes."""
    diary = Diary()
    queue = sorted(packets, key=lambda packet: packet.arrival)[::-1]
    work: Hop | None = None
    done_at = float("inf")
    now = start
    while True:
        arrival = queue[-1].arrival if queue else float("inf")
        now = max(now, min(stream.next_due(), arrival, done_at))
        if now > until:
            return diary
        busy = False
        while queue and queue[-1].arrival <= now:
            packet = queue.pop()
            stream.push_audio(packet.pcm, packet.pts, packet.sample_rate, now)
            busy = True
        if work is not None and done_at <= now:
            for index in work.render_frames:
                stream.put_frame(work, index, index, now)
            stream.finish_hop(work, now)
            work, done_at, busy = None, float("inf"), True
        hop = stream.due_hop(now)
        if hop is not None:
            diary.hops.append((now, hop))
            work, done_at = hop, now + compute_s(hop)
        due = stream.pop_due(now)
        diary.voice += [(now, chunk) for chunk in due.voice]
        diary.frames += [(now, frame) for frame in due.frames]
        if not (busy or hop or due.voice or due.frames):
            diary.vain_wakes += 1


def noise(samples: int, seed: int = 0) -> NDArray[np.int16]:
    """White noise, (samples, 1): no two parts of it are alike."""
    rng = np.random.default_rng(seed)
    return rng.integers(-8000, 8000, (samples, 1)).astype(np.int16)


def packets(
    pcm: NDArray[np.int16],
    *,
    pts: int = 0,
    start: float = 0.0,
    drift_ppm: float = 0.0,
    delay_s: Callable[[int], float] = lambda index: 0.0,
) -> list[Packet]:
    """20 ms packets of `pcm` (samples, channels), each sent when its last sample is recorded.

    `drift_ppm` above 0: the microphone's clock is slow. `delay_s` is what the network adds.
    """
    period_s = 0.02 * (1 + drift_ppm * 1e-6)
    return [
        Packet(
            start + (index + 1) * period_s + delay_s(index),
            pts + first,
            pcm[first : first + PACKET_SAMPLES],
        )
        for index, first in enumerate(range(0, len(pcm), PACKET_SAMPLES))
    ]


def stream(config: StreamConfig = CONFIG, start: float = 0.0) -> Stream[int]:
    return Stream[int](config, now=start)


def jitter(scale_s: float, seed: int = 0) -> Callable[[int], float]:
    """Delays that are now and then several times `scale_s`."""
    delays = np.random.default_rng(seed).exponential(scale_s, 4096)
    return lambda index: float(delays[index % 4096])


def steady(compute_s: float) -> Callable[[Hop], float]:
    return lambda hop: compute_s
