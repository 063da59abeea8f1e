"""Once a second: what a call did, to its browser and to the metrics."""

import asyncio
import time
from typing import Any, NoReturn

from prometheus_client import Counter

from server.control import ControlChannel
from server.feedback import PictureFeedback
from server.media import SessionMedia
from server.messages import Stats
from server.metrics import Metrics
from streaming.stats import StreamStats

_PERIOD_S = 1.0


# Counter of the stream -> counter of the server.
_COUNTERS = {
    "late_frames": "late_frames",
    "repeated_frames": "repeated_frames",
    "dropped_frames": "dropped_frames",
    "skipped_hops": "skipped_hops",
    "concealed_ms": "concealed_audio_ms",
    "silent_concealed_ms": "silent_concealed_audio_ms",
    "late_audio_ms": "late_audio_ms",
    "early_audio_ms": "early_audio_ms",
    "skipped_voice_ms": "skipped_voice_ms",
    "quality_changes": "quality_changes",
    "clock_steps": "clock_steps",
    "resyncs": "clock_resyncs",
}


class Reporter:
    """Reports one face: ``run`` sends ``Stats`` to its caller, if any, and feeds the metrics."""

    def __init__(
        self,
        media: SessionMedia[Any],
        metrics: Metrics,
        control: ControlChannel | None = None,
        feedback: PictureFeedback | None = None,
    ) -> None:
        self._media = media
        self._control = control
        self._feedback = feedback
        self._metrics = metrics
        self._counted = dict.fromkeys(_COUNTERS, 0.0)

    async def run(self) -> NoReturn:
        """Report every second, and the rest when cancelled."""
        frames_before, then_s = 0, time.monotonic()
        try:
            while True:
                await asyncio.sleep(_PERIOD_S)
                frames, now_s = self._media.frames_sent, time.monotonic()
                fps = (frames - frames_before) / (now_s - then_s)
                frames_before, then_s = frames, now_s
                self._count()
                self._metrics.av_skew_ms.observe(self._media.stream.stats.av_skew_ms)
                packet_ms = self._media.stream.config.packet_ms
                rung = 0 if self._feedback is None else self._feedback.rung
                if self._control is not None:
                    self._control.send(_message(self._media.stream.stats, fps, packet_ms, rung))
        finally:
            self._count()

    def _count(self) -> None:
        """Add what the stream counted since the last time."""
        stats = self._media.stream.stats
        for name, metric_name in _COUNTERS.items():
            total = float(getattr(stats, name))
            counter: Counter = getattr(self._metrics, metric_name)
            counter.inc(total - self._counted[name])
            self._counted[name] = total


def _message(stats: StreamStats, fps: float, packet_ms: float, rung: int) -> Stats:
    return Stats(
        fps=round(fps, 2),
        late_frames=stats.late_frames,
        repeated_frames=stats.repeated_frames,
        dropped_frames=stats.dropped_frames,
        playout_delay_ms=round(stats.playout_delay_ms, 1),
        microphone_packet_ms=packet_ms,
        av_skew_ms=round(stats.av_skew_ms, 2),
        num_steps=stats.num_steps,
        painted=stats.painted,
        halved=stats.halved,
        rung=rung,
        compute_ms=round(stats.compute_ms, 2),
    )
