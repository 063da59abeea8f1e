"""How many frames a second does a browser show, and how many does the server repeat?

`python -m benchmarks.live_frames [--seconds 300]`. Shown is what the browser presented to its
compositor, counted by the browser; repeated, late and dropped are the server's own counters.
"""

import numpy as np

from benchmarks.live import Answer, LiveCall, NoAnswerError, answer
from benchmarks.record import Figure

FPS = 25


def frames(call: LiveCall) -> Answer:
    """Return frames shown in every second, and the server's counters over the call.

    Of all seconds of the call, so a picture that freezes before its end counts.
    """
    times_s = call.recording.frame_times_ms / 1000
    messages = call.recording.stats_messages
    if len(times_s) < 2 or len(messages) < 2:
        raise NoAnswerError(
            f"{len(times_s)} pictures and {len(messages)} figures of the server came, expected"
            " 2 or more of each"
        )
    # After the last picture nothing more is shown: np.interp keeps the last count. The last second
    # is not whole.
    edges = times_s[0] + np.arange(max(int(call.seconds), 2))
    shown = np.diff(np.interp(edges, times_s, call.recording.presented_frames))
    mean = np.ptp(call.recording.presented_frames) / call.seconds
    first, last = messages[0], messages[-1]
    counted = {
        name: last[f"{name}_frames"] - first[f"{name}_frames"]
        for name in ("repeated", "late", "dropped")
    }
    expected = FPS * call.seconds
    shares = ", ".join(
        f"{name} {count} ({100 * count / expected:.2f} %)" for name, count in counted.items()
    )
    compute = [message["compute_ms"] for message in messages]
    steps = [float(message["num_steps"]) for message in messages]
    return Answer(
        "live_frames: how many frames a second does a browser show?",
        (
            Figure("frames shown in a second", "1/s", tuple(shown.tolist()), tail_percent=5),
            Figure("computing of a hop, on the server", "ms", tuple(compute)),
            Figure("denoising steps in use", "", tuple(steps)),
        ),
        (f"shown {mean:.2f} a second on average; by the server: {shares}",),
    )


if __name__ == "__main__":
    answer(frames, default_seconds=300)
