"""Are sound and picture together, as the browser decodes them?

`python -m benchmarks.live_skew [--seconds 600]`. For every word after a silence: the time at
which the mouth opens in the drawn video minus the time at which its sound starts, positive =
picture late. Both starts are where the quantity passes a quarter of its peak
(tests/browser/lip_sync.py); the words begin with /b/, whose sound is loud within 10 ms of the lips'
parting (tests/browser/bursts.py). So the figure holds the server's and the browser's skew, and the
model's too.

The sound's time is when the browser takes it for playing, the picture's when it expects it on the
screen. Headless, the loudspeaker is a stand-in that reports no delay of its own; with a real one,
the browser holds the picture back by the delay that the device reports.
"""

import numpy as np

from benchmarks.live import Answer, LiveCall, answer, words_told
from benchmarks.record import Figure, if_any

WINDOW_S = 600.0
_LEAST_WORDS = 5


def skew(call: LiveCall) -> Answer:
    """Return the skew of every word, and its drift over the call."""
    seen = [
        (burst.remote_ms / 1000, burst.skew_ms)
        for burst in call.words.bursts
        if burst.skew_ms is not None
    ]
    told = [float(message["av_skew_ms"]) for message in call.recording.stats_messages]
    figures = if_any("skew at sending, by the server", "ms", told)
    figures.append(Figure("words whose sound came late or never", "", (call.words.unmatched,)))
    conclusions = [
        words_told(call.words),
        f"the mouth was seen to open at {len(seen)} of the {len(call.words.bursts)} others",
    ]
    # Where too few pictures are shown, hardly any is seen: a line has no error then.
    if len(seen) >= _LEAST_WORDS:
        times_s, skews = (np.array(column) for column in zip(*seen, strict=True))
        low, high = np.percentile(skews, [2.5, 97.5])
        (slope, _), covariance = np.polyfit(times_s, skews, 1, cov=True)
        error = 1.96 * float(np.sqrt(covariance[0, 0]))
        figures.insert(0, Figure("mouth opens minus sound starts", "ms", tuple(skews.tolist())))
        conclusions += [
            f"mean {skews.mean():+.1f} ms, 95 % within {low:+.0f}..{high:+.0f} ms",
            f"drift {slope * WINDOW_S:+.1f} ± {error * WINDOW_S:.1f} ms per {WINDOW_S / 60:.0f}"
            " minutes (95 % confidence)",
        ]
    else:
        conclusions.append(f"too few for a figure: found {len(seen)}, expected {_LEAST_WORDS}")
    return Answer(
        "live_skew: are sound and picture together in the browser?",
        tuple(figures),
        tuple(conclusions),
    )


if __name__ == "__main__":
    answer(skew, default_seconds=600)
