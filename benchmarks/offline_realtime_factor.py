"""How many seconds of media does the whole path make in a second, offline?

`python -m benchmarks.offline_realtime_factor [--runs N] [--seconds S]`. From microphone samples
to encoded frames and voice, at full quality, on one thread as the server's inference is.
"""

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks import material
from benchmarks.record import Figure, measure_baseline, report
from model.avatar import Avatar, Controls, HopRequest
from model.identity.identity import Identity
from model.rates import FPS
from server.config import VideoConfig, VoiceConfig
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.sdp import VideoCodec
from streaming.config import StreamConfig
from streaming.offline import play
from streaming.rates import VOICE_RATE
from streaming.window import Hop


def realtime_factor(
    avatar: Avatar, identity: Identity, sound: NDArray[np.int16], codec: VideoCodec
) -> tuple[float, dict[str, float]]:
    """Return media seconds per wall second for `sound` (samples, 1), and the seconds of each part.

    Raises:
        RuntimeError: a frame or a sound is missing from what came out.
    """
    config = StreamConfig(
        hop_frames=avatar.hop_frames,
        lookahead_frames=avatar.lookahead_frames,
        max_steps=avatar.max_steps,
    )
    pictures, voice = PictureEncoder(codec, VideoConfig()), VoiceEncoder(VoiceConfig())
    state = avatar.open(0)
    spent = {"motion": 0.0, "draw": 0.0, "encode": 0.0}
    frames = chunks = 0

    def draw(hop: Hop) -> list[EncodedFrame]:
        t0 = time.perf_counter()
        request = HopRequest(state, hop.samples, Controls(), hop.num_steps)
        (motion,) = avatar.animate([request])
        first = hop.index * avatar.hop_frames - avatar.lookahead_frames
        t1 = time.perf_counter()
        if not hop.render_frames:
            return []
        drawn = avatar.render(identity, motion[[k - first for k in hop.render_frames]])
        t2 = time.perf_counter()
        coded = [pictures.encode(p, i) for p, i in zip(drawn, hop.render_frames, strict=True)]
        t3 = time.perf_counter()
        spent["motion"] += t1 - t0
        spent["draw"] += t2 - t1
        spent["encode"] += t3 - t2
        return coded

    start = time.perf_counter()
    for due in play(config, [sound], VOICE_RATE, draw):
        for chunk in due.voice:
            voice.encode(chunk.pcm, chunk.pts)
        frames += len(due.frames)
        chunks += len(due.voice)
    wall_s = time.perf_counter() - start
    media_s = len(sound) / VOICE_RATE
    if frames < int(media_s * FPS) or chunks < int(media_s * 50):
        raise RuntimeError(f"{frames} frames and {chunks} voice chunks from {media_s:g} s of sound")
    spent["rest"] = wall_s - sum(spent.values())
    return media_s / wall_s, spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of speech in each run")
    options = parser.parse_args()
    baseline = measure_baseline()
    avatar = Avatar.load()
    avatar.warm_up()
    identity = avatar.identify(material.portrait())
    sound = material.speech(options.seconds, VOICE_RATE)[:, None]
    pcm = (sound * 32767).astype(np.int16)
    figures = []
    for codec in VideoCodec:
        realtime_factor(avatar, identity, pcm[: 2 * VOICE_RATE], codec)
        runs = [realtime_factor(avatar, identity, pcm, codec) for _ in range(options.runs)]
        factors = tuple(factor for factor, _ in runs)
        figures.append(Figure(f"realtime factor, {codec.name}", "x", factors))
        for part in runs[0][1]:
            share = tuple(spent[part] / options.seconds * 1000 / FPS for _, spent in runs)
            figures.append(Figure(f"  {part}, per frame", "ms", share))
    report(
        "offline_realtime_factor: how many seconds of media per second, audio to encoded frames?",
        figures,
        baseline=baseline,
        settings={"num_steps": avatar.max_steps, "size_px": VideoConfig().size_px},
    )


if __name__ == "__main__":
    main()
