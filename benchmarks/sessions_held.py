"""How many sessions does this machine hold without repeating more than 1 % of the frames?

`python -m benchmarks.sessions_held [--seconds S] [--limit N]`. Live and paced: every session has
its own microphone, stream and encoders; all share the server's inference thread, and the model's
process, as in the product. Only the network is left out. Sessions are added until one of them is
not held: it repeats more than 1 % of its frames, or is drawn at half the size or not in every frame
at the end.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
from aiortc import MediaStreamTrack
from av import AudioFrame
from numpy.typing import NDArray

from benchmarks import material
from benchmarks.record import Figure, if_any, measure_baseline, report
from model.avatar import DEFAULT_WEIGHTS
from model.identity.identity import Identity
from model.rates import FPS
from server.animator import Animator
from server.app import stream_config
from server.avatar_answers import load_avatar
from server.avatar_process import AvatarProcess
from server.config import Config, VideoConfig, VoiceConfig
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.inference import InferenceThread
from server.media import SessionMedia
from server.metrics import Metrics
from server.outlet import CallOutlet
from server.sdp import VideoCodec
from server.threads import limit_threads
from server.tracks import PacketTrack, picture_track, voice_track
from streaming.rates import VOICE_CHUNK_SAMPLES, VOICE_RATE
from streaming.stats import StreamStats

WARM_UP_S = 3.0
MAX_REPEATED = 0.01


class Microphone(MediaStreamTrack):
    """Plays speech over and over in real time, from `start_s` of the loop's clock."""

    kind = "audio"

    def __init__(self, sound: NDArray[np.int16], start_s: float) -> None:
        super().__init__()
        self._packets = sound.reshape(-1, 1, VOICE_CHUNK_SAMPLES)
        self._start_s = start_s
        self._next = 0

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms once they have passed."""
        self._next += 1
        due_s = self._start_s + self._next * VOICE_CHUNK_SAMPLES / VOICE_RATE
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        packet = self._packets[(self._next - 1) % len(self._packets)]
        frame = AudioFrame.from_ndarray(packet, format="s16", layout="mono")
        frame.sample_rate = VOICE_RATE
        frame.pts = (self._next - 1) * VOICE_CHUNK_SAMPLES
        frame.time_base = Fraction(1, VOICE_RATE)
        return frame


@dataclass(frozen=True)
class Load:
    """What one session did in the measured time."""

    slots: int
    repeated: int
    late: int
    num_steps: int
    halved: bool
    draw_every: int

    @property
    def is_held(self) -> bool:
        """Whether it was served as it is to be; one in which no frame was due was not."""
        is_whole = self.draw_every == 1 and not self.halved
        return is_whole and self.slots > 0 and self.repeated <= MAX_REPEATED * self.slots


async def drain(track: PacketTrack) -> None:
    """Take what leaves, as a sender does."""
    while True:
        await track.recv()


async def hold(
    sessions: int, seconds: float, inference: InferenceThread, identity: Identity
) -> list[Load]:
    """Run `sessions` at once; what each did in `seconds` after the warm-up."""
    sound = (material.speech(12.0, VOICE_RATE) * 32767).astype(np.int16)
    avatar = inference.avatar
    settings = Config()
    config = stream_config(settings, avatar, display_lag_ms=settings.video.display_lag_ms)
    hop_s = avatar.hop_frames / FPS
    medias: list[SessionMedia[EncodedFrame]] = []
    tasks: list[asyncio.Task[None]] = []
    metrics = Metrics()
    for number in range(sessions):
        outlet = CallOutlet(
            picture_track(),
            PictureEncoder(VideoCodec.H264, VideoConfig()),
            voice_track(),
            VoiceEncoder(VoiceConfig()),
            metrics,
        )
        media = SessionMedia(config, inference, identity, avatar.open(number), outlet, metrics)
        microphone = Microphone(sound, time.monotonic() + number * hop_s / sessions)
        work = (
            media.listen(microphone),
            media.play(),
            drain(outlet.picture_track),
            drain(outlet.voice_track),
        )
        tasks.extend(asyncio.create_task(job) for job in work)
        medias.append(media)
    try:
        await asyncio.sleep(WARM_UP_S)
        before = [media.stream.stats for media in medias]
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        after = [media.stream.stats for media in medias]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return [compare(*pair) for pair in zip(before, after, strict=True)]


def compare(before: StreamStats, after: StreamStats) -> Load:
    """Return what happened between two snapshots."""
    repeated = after.repeated_frames - before.repeated_frames
    late = after.late_frames - before.late_frames
    on_time = after.on_time_frames - before.on_time_frames
    return Load(
        slots=on_time + late + repeated,
        repeated=repeated,
        late=late,
        num_steps=after.num_steps,
        halved=after.halved,
        draw_every=after.draw_every,
    )


def load_figures(sessions: int, loads: Sequence[Load]) -> list[Figure]:
    """What all of so many sessions did."""
    rows: tuple[tuple[str, str, list[float]], ...] = (
        ("repeated frames", "%", [100 * load.repeated / max(load.slots, 1) for load in loads]),
        ("late frames", "%", [100 * load.late / max(load.slots, 1) for load in loads]),
        ("denoising steps at the end", "", [load.num_steps for load in loads]),
        ("at half the size at the end", "", [load.halved for load in loads]),
        ("a picture in so many frames at the end", "", [load.draw_every for load in loads]),
    )
    return [
        figure
        for name, unit, values in rows
        for figure in if_any(f"{sessions} sessions: {name}", unit, values)
    ]


async def run(avatar: Animator, seconds: float, limit: int) -> tuple[int, list[Figure]]:
    """Add sessions until they are not held: how many were, and the figures of each number."""
    identity = avatar.identify(material.portrait())
    inference = InferenceThread(avatar)
    await inference.start(avatar.warm_up)
    held = 0
    figures: list[Figure] = []
    try:
        for sessions in range(1, limit + 1):
            loads = await hold(sessions, seconds, inference, identity)
            figures += load_figures(sessions, loads)
            if not all(load.is_held for load in loads):
                break
            held = sessions
    finally:
        await inference.aclose()
    return held, figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="measured for each number")
    parser.add_argument("--limit", type=int, default=16, help="the most sessions to try")
    options = parser.parse_args()
    compute = Config().compute
    threads = limit_threads(compute)
    baseline = measure_baseline()
    load = partial(
        load_avatar, DEFAULT_WEIGHTS, paints=False, torch_threads=threads, nice=compute.nice
    )
    with AvatarProcess(load) as avatar:
        held, figures = asyncio.run(run(avatar, options.seconds, options.limit))
    report(
        "sessions_held: how many sessions are held with at most 1 % repeated frames?",
        [*figures, Figure("sessions held", "", (float(held),))],
        baseline=baseline,
        settings={
            "seconds": options.seconds,
            "held": "at most 1 % repeated, and whole pictures in every frame at the end",
        },
    )


if __name__ == "__main__":
    main()
