"""Is the avatar silent, and its mouth closed, soon after its speech is cut? By a virtual clock.

`python -m benchmarks.quality.barge_in`. The model and a call's stream, without server, network and
browser: sentences are cut anywhere, and sound and pictures are timed when they leave. The model
takes a fixed time for each hop, as on a machine that just keeps up. "Without" is what it would be
if the lips went on following what the model has heard. `python -m benchmarks.barge_in` adds all
that is left out here.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.material import speech
from benchmarks.quality.animate import CONTACT, WEIGHTS, load_model, opening
from benchmarks.record import Figure, if_any, measure_baseline, report
from model.avatar import COEFFICIENTS, Avatar, Controls, HopRequest
from model.motion.space import MotionSpace
from server.app import stream_config
from server.config import Config
from streaming.playout import Due
from streaming.rates import VOICE_CHUNK_SAMPLES, VOICE_RATE
from streaming.stream import Stream
from streaming.window import Hop

_TICK_S = 0.005
# A hop's motion, and both of its pictures; their lips are asked for when drawing begins.
_MOTION_S, _DRAWING_S = 0.015, 0.04
_PACKET_S = 0.02
_AFTER_S = 1.0


@dataclass
class Cut:
    """One sentence that was cut: by its end, and by when its mouth was closed, in ms after it.

    It was silent after 0 ms if it was cut in a pause. `openings` are (seconds after the cut, with,
    without) of each picture that left.
    """

    at_s: float
    silent_ms: float = 0.0
    openings: list[tuple[float, float, float]] = field(default_factory=list)

    def note(self, since_s: float, due: Due[tuple[float, float]]) -> None:
        """Write down what left `since_s` after the cut."""
        for chunk in due.voice:
            audible = np.flatnonzero(chunk.pcm)
            if len(audible):
                # What left just before the cut is heard after it, too.
                until_s = since_s + (audible[-1] + 1) / VOICE_RATE
                self.silent_ms = max(self.silent_ms, 1000 * until_s)
        for frame in due.frames:
            if not frame.superseded:
                self.openings.append((since_s, *frame.frame))

    def closed_ms(self, column: int) -> float | None:
        """When it was closed for good, infinity if never; None if it was closed at the cut."""
        open_s = [row[0] for row in self.openings if row[column] > CONTACT]
        if not open_s or max(open_s) < 0:
            return None
        shut_s = [row[0] for row in self.openings if row[0] > max(open_s)]
        return 1000 * min(shut_s) if shut_s else math.inf


def closings(name: str, found: Sequence[float | None]) -> tuple[list[Figure], str]:
    """The figure of those mouths that were open when they were cut, and of how many it is."""
    opened = [ms for ms in found if ms is not None]
    closed = [ms for ms in opened if math.isfinite(ms)]
    about = (
        f"{name}: {len(closed)} of {len(found)} cuts; the mouth was closed at"
        f" {len(found) - len(opened)}, and still open {_AFTER_S:g} s after"
        f" {len(opened) - len(closed)}"
    )
    return if_any(name, "ms", closed), about


def cut_speech(
    avatar: Avatar, space: MotionSpace, pcm: NDArray[np.int16], at_s: float, seed: int
) -> Cut:
    """Let one session speak `pcm` (samples, 1) at 48 kHz, and cut it at `at_s`."""
    stream: Stream[tuple[float, float]] = Stream(stream_config(Config(), avatar), now=0.0)
    state, cut = avatar.open(seed), Cut(at_s)
    hop: Hop | None = None
    gaps: NDArray[np.float64] = np.empty(0)
    gains: list[float] = []
    is_cut, packets = False, 0
    for tick in range(round((at_s + _AFTER_S) / _TICK_S)):
        now = tick * _TICK_S
        if now >= at_s and not is_cut:
            is_cut = True
            stream.hush()
        if now >= (packets + 1) * _PACKET_S:
            first = packets * VOICE_CHUNK_SAMPLES
            packet = pcm[first : first + VOICE_CHUNK_SAMPLES]
            stream.push_audio(packet * (not is_cut), first, VOICE_RATE, now)
            packets += 1
        if hop is not None:
            if not gains and now >= hop.taken + _MOTION_S:
                gains = [stream.lips.gain(index) for index in hop.render_frames]
            if now >= hop.taken + _MOTION_S + _DRAWING_S:
                for index, gain in zip(hop.render_frames, gains, strict=True):
                    row = index - hop.index * avatar.hop_frames + avatar.lookahead_frames
                    stream.put_frame(hop, index, (gaps[row] * gain, gaps[row]), now)
                stream.finish_hop(hop, now)
                hop = None
        if hop is None and (hop := stream.due_hop(now)) is not None:
            request = HopRequest(state, hop.samples, Controls(), hop.num_steps)
            motion = avatar.animate([request])[0].numpy()[:, COEFFICIENTS]
            gaps, gains = opening(motion, space), []
        due = stream.pop_due(now)
        cut.note(now - at_s, due)
    return cut


def main() -> None:
    """Cut many sentences; report both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=40)
    cuts = parser.parse_args().cuts
    avatar, space = load_model(WEIGHTS)
    pcm = (speech(6.0, VOICE_RATE) * 32767).astype(np.int16)[:, np.newaxis]
    times = np.random.default_rng(0).uniform(1.0, 3.0, cuts)
    made = [cut_speech(avatar, space, pcm, float(at), i) for i, at in enumerate(times)]
    silent = [cut.silent_ms for cut in made if cut.silent_ms > 0]
    closed, about = closings("cut to closed mouth", [cut.closed_ms(1) for cut in made])
    without, about_without = closings(
        "cut to closed mouth, without", [cut.closed_ms(2) for cut in made]
    )
    report(
        "quality_barge_in: is it silent, and its mouth closed, soon after its speech is cut?",
        [*if_any("cut to silence", "ms", silent), *closed, *without],
        baseline=measure_baseline(),
        settings={"cuts": cuts, "motion_s": _MOTION_S, "drawing_s": _DRAWING_S},
        conclusions=(
            f"cut to silence: {len(silent)} of {cuts} cuts; the others were in a pause",
            about,
            about_without,
        ),
    )


if __name__ == "__main__":
    main()
