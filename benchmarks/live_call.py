"""All questions about a live call, answered by one call.

`python -m benchmarks.live_call [--seconds 600]`: the same as live_frames, live_latency, live_skew
and live_memory, in a quarter of the time. A question that cannot be answered, on a machine that is
too slow, does not lose the others.
"""

from benchmarks.live import answer
from benchmarks.live_frames import frames
from benchmarks.live_latency import latency
from benchmarks.live_memory import memory
from benchmarks.live_skew import skew

if __name__ == "__main__":
    answer(frames, latency, skew, memory, default_seconds=600)
