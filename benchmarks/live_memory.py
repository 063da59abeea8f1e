"""How much does the server's memory grow during a call?

`python -m benchmarks.live_memory [--seconds 600]`. Resident memory of the server process, every
2 s; growth is the median of the last tenth minus the median of the first, after the warm-up.
"""

import statistics

from benchmarks.live import Answer, LiveCall, NoAnswerError, answer
from benchmarks.record import Figure


def memory(call: LiveCall) -> Answer:
    """Return the resident memory over the call."""
    rss = call.server_rss_mb
    if not rss:
        raise NoAnswerError("the call was too short for a look at the server's memory, every 2 s")
    tenth = max(1, len(rss) // 10)
    growth = statistics.median(rss[-tenth:]) - statistics.median(rss[:tenth])
    return Answer(
        "live_memory: how much does the server's memory grow during a call?",
        (Figure("resident memory of the server", "MB", rss),),
        (f"growth {growth:+.1f} MB over {call.seconds / 60:.0f} minutes",),
    )


if __name__ == "__main__":
    answer(memory, default_seconds=600)
