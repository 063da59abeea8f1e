"""How many seconds of media does the whole path make in a second, offline?

`python -m benchmarks.offline_realtime_factor [--runs N] [--seconds S]`. What `likeness render`
does, with its threads and its codecs: from a recording of speech to coded pictures and sound in an
MP4, at full quality.
"""

import argparse
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from benchmarks import material
from benchmarks.record import Figure, measure_baseline, report
from model.avatar import Avatar, Controls
from model.identity.identity import Identity
from model.rates import FPS
from server.app import stream_config
from server.config import Config
from server.recording import Recording
from server.render import Look, Rendering
from server.threads import limit_threads
from streaming.rates import VOICE_RATE


def write_speech(path: Path, seconds: float) -> None:
    """Write a 48 kHz mono WAV file of speech."""
    pcm = (material.speech(seconds, VOICE_RATE) * 32767).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(VOICE_RATE)
        file.writeframes(pcm.tobytes())


def realtime_factor(
    avatar: Avatar, identity: Identity, config: Config, recording: Path, seconds: float
) -> float:
    """Return media seconds per wall second of rendering `recording`.

    Raises:
        RuntimeError: frames are missing from what came out.
    """
    rendering = Rendering(avatar, identity, stream_config(config, avatar), Look(Controls(), 0))
    start = time.perf_counter()
    frames = len(list(rendering.write(Recording(recording), recording.with_suffix(".mp4"))))
    wall_s = time.perf_counter() - start
    if frames < int(seconds * FPS):
        raise RuntimeError(f"{frames} frames from {seconds:g} s of sound, expected {FPS} a second")
    return seconds / wall_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of speech in each run")
    options = parser.parse_args()
    config = Config()
    limit_threads(config.compute)
    baseline = measure_baseline()
    avatar = Avatar.load()
    avatar.warm_up()
    identity = avatar.identify(material.portrait(), config.video.size_px)
    with tempfile.TemporaryDirectory() as folder:
        short, speech = Path(folder) / "short.wav", Path(folder) / "speech.wav"
        write_speech(short, 2.0)
        write_speech(speech, options.seconds)
        realtime_factor(avatar, identity, config, short, 2.0)
        factors = tuple(
            realtime_factor(avatar, identity, config, speech, options.seconds)
            for _ in range(options.runs)
        )
    report(
        "offline_realtime_factor: how many seconds of media per second, audio to encoded frames?",
        # More is better: the bad end is the low one.
        [
            Figure("realtime factor", "x", factors, tail_percent=5),
            Figure("realtime factor, the worst run", "x", (min(factors),), tail_percent=5),
        ],
        baseline=baseline,
        settings={
            "num_steps": avatar.max_steps,
            "size_px": config.video.size_px,
        },
    )


if __name__ == "__main__":
    main()
