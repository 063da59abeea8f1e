"""What does each stage cost, per portrait, per hop or per frame?

`python -m benchmarks.stage_cost [--count N]`. A hop is 80 ms of media, a frame 40 ms. With as many
torch threads as the server uses. From sound to motion is all that is computed before a hop is
drawn; rows "of it" are a part of the rows above them, and not to be added.
"""

import argparse
from collections.abc import Callable
from itertools import count, cycle

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import material
from benchmarks.record import Figure, measure, measure_baseline, report
from model.avatar import DEFAULT_WEIGHTS, Avatar, AvatarState, Controls, HopRequest
from model.compiled import Graph
from model.features.encoder import load_encoder
from model.identity.identity import Identity
from model.rates import SAMPLE_RATE, SAMPLES_PER_FRAME
from server.config import CallConfig, Config, VideoConfig, VoiceConfig
from server.encoders import PictureEncoder, VoiceEncoder
from server.sdp import VideoCodec
from server.threads import limit_threads
from streaming.config import StreamConfig
from streaming.rates import VOICE_CHUNK_SAMPLES, VOICE_RATE
from streaming.stream import Stream

CLIP_S = 8.0
BATCH = 4


def motion_figures(avatar: Avatar, runs: int) -> list[Figure]:
    """Time a hop from sound to motion, at every number of steps, and for several sessions."""
    hop_samples = avatar.hop_frames * SAMPLES_PER_FRAME
    hops = material.speech(CLIP_S, SAMPLE_RATE).reshape(-1, hop_samples)

    def animate(sessions: int, num_steps: int) -> Callable[[], object]:
        states = [avatar.open(seed) for seed in range(sessions)]
        turns = count()

        def work() -> object:
            samples = hops[next(turns) % len(hops)]
            return avatar.animate(
                [HopRequest(state, samples, Controls(), num_steps) for state in states]
            )

        return work

    figures = [
        measure(f"sound to motion of a hop, {steps} steps", animate(1, steps), count=runs)
        for steps in range(1, avatar.max_steps + 1)
    ]
    batched = animate(BATCH, avatar.max_steps)
    name = f"the same, {avatar.max_steps} steps, each of {BATCH} sessions"
    return [*figures, measure(name, batched, count=runs, per=BATCH)]


def features_figure(avatar: Avatar, runs: int) -> Figure:
    """Time a hop from sound to audio features, the first part of what gives its motion."""
    weights = DEFAULT_WEIGHTS / "audio_encoder.safetensors"
    encoder = load_encoder(weights)
    encoder.run_by(Graph.of(weights))
    hops = torch.from_numpy(material.speech(CLIP_S, SAMPLE_RATE))
    hop_samples = avatar.hop_frames * SAMPLES_PER_FRAME
    turns = cycle(hops.reshape(-1, 1, hop_samples))
    state = encoder.initial_state(1)

    def work() -> None:
        nonlocal state
        _, state = encoder.encode(next(turns), state)

    with torch.inference_mode():
        return measure("of it, audio features of a hop", work, count=runs)


def talking(avatar: Avatar) -> tuple[Identity, AvatarState, list[Tensor]]:
    """A portrait, a session of it, and its motion, hop by hop, while it says something."""
    state = avatar.open(0)
    hop_samples = avatar.hop_frames * SAMPLES_PER_FRAME
    motions = [
        avatar.animate([HopRequest(state, samples, Controls(), avatar.max_steps)])[0]
        for samples in material.speech(CLIP_S, SAMPLE_RATE).reshape(-1, hop_samples)
    ]
    return avatar.identify(material.portrait()), state, motions


def pictures(avatar: Avatar) -> tuple[list[NDArray[np.uint8]], list[Figure]]:
    """Draw a clip of speech: its frames, and the time of each; by hops as in a call, and alone."""
    identity, state, motions = talking(avatar)
    drawn: list[NDArray[np.uint8]] = []
    turns = count()

    def work() -> None:
        drawn.extend(avatar.render(identity, motions[next(turns) % len(motions)], state))

    def draw_half() -> object:
        assert identity.half is not None
        return avatar.render(identity.half, motions[next(turns) % len(motions)], state)

    def draw_one() -> object:
        return avatar.render(identity, motions[next(turns) % len(motions)][:1], state)

    runs = len(motions)
    return drawn, [
        measure("draw a frame", work, count=runs, per=avatar.hop_frames),
        measure("draw a frame alone", draw_one, count=runs),
        measure("draw a frame at half the size", draw_half, count=runs, per=avatar.hop_frames),
    ]


def painted_figure() -> Figure:
    """Time a frame whose mouth is painted over its warp, by hops as in a call."""
    avatar = Avatar.load(paints=True)
    identity, state, motions = talking(avatar)
    turns = count()

    def work() -> object:
        return avatar.render(identity, motions[next(turns) % len(motions)], state)

    name = "draw a frame, its mouth painted"
    return measure(name, work, count=len(motions), per=avatar.hop_frames)


def encoder_figures(frames: list[NDArray[np.uint8]]) -> list[Figure]:
    """Time the codecs on a talking clip."""
    figures = []
    for codec in VideoCodec:
        encoder = PictureEncoder(codec, VideoConfig())
        turns = count()

        def work(encoder: PictureEncoder = encoder, turns: "count[int]" = turns) -> object:
            index = next(turns)
            return encoder.encode(frames[index % len(frames)], index)

        figures.append(measure(f"encode a frame, {codec.name}", work, count=len(frames)))
    voice, turns = VoiceEncoder(VoiceConfig()), count()
    sound = voice_pcm()

    def encode_chunk() -> object:
        turn = next(turns)
        chunk = sound[turn % len(sound)]
        return voice.encode(chunk, turn * VOICE_CHUNK_SAMPLES)

    return [*figures, measure("encode 20 ms of voice, Opus", encode_chunk, count=len(sound))]


def stream_figure(avatar: Avatar) -> Figure:
    """Time the streaming core alone: one hop's packets in, the hop and its frames out."""
    config = StreamConfig(
        hop_frames=avatar.hop_frames,
        lookahead_frames=avatar.lookahead_frames,
        max_steps=avatar.max_steps,
        playout_delay_ms=CallConfig().playout_delay_ms,
    )
    stream = Stream[bytes](config, now=0.0)
    sound = voice_pcm()
    chunks = avatar.hop_frames * 2
    turns = count()

    def work() -> None:
        for _ in range(chunks):
            turn = next(turns)
            now = (turn + 1) * 0.02
            stream.push_audio(sound[turn % len(sound)], turn * VOICE_CHUNK_SAMPLES, VOICE_RATE, now)
            while hop := stream.due_hop(now):
                for index in hop.render_frames:
                    stream.put_frame(hop, index, b"", now)
                stream.finish_hop(hop, now)
            stream.pop_due(now)

    return measure("streaming core, a hop", work, count=200)


def voice_pcm() -> NDArray[np.int16]:
    """Return a clip of speech as chunks of 20 ms at 48 kHz, (chunks, 960, 1)."""
    return (
        (material.speech(CLIP_S, VOICE_RATE) * 32767)
        .astype(np.int16)
        .reshape(-1, VOICE_CHUNK_SAMPLES, 1)
    )


def main() -> None:
    """Measure and print."""
    av.logging.set_level(av.logging.PANIC)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="samples of a motion stage")
    runs = parser.parse_args().count
    limit_threads(Config().compute)
    baseline = measure_baseline()
    avatar = Avatar.load()
    avatar.warm_up()
    photo = material.portrait()
    identify = measure("prepare a portrait", lambda: avatar.identify(photo), count=5, warm_up=1)
    frames, drawing = pictures(avatar)
    figures = [
        identify,
        stream_figure(avatar),
        *motion_figures(avatar, runs),
        features_figure(avatar, runs),
        *drawing,
        painted_figure(),
        *encoder_figures(frames),
    ]
    report(
        "stage_cost: what does each stage cost?",
        figures,
        baseline=baseline,
        settings={"size_px": frames[0].shape[0], "hop_frames": avatar.hop_frames},
    )


if __name__ == "__main__":
    main()
