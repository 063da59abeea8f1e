"""What a face did reaches the metrics and the browser under the right names."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from server.control import ControlChannel
from server.feedback import PictureFeedback
from server.media import SessionMedia
from server.messages import ServerMessage, Stats
from server.metrics import Metrics
from server.report import Reporter
from streaming.stats import StreamStats

# All differ, so that none is taken for another.
STATS = StreamStats(
    on_time_frames=1,
    late_frames=2,
    repeated_frames=3,
    dropped_frames=4,
    hops=5,
    skipped_hops=6,
    concealed_ms=7.0,
    silent_concealed_ms=8.0,
    late_audio_ms=9.0,
    early_audio_ms=10.0,
    skipped_voice_ms=11.0,
    av_skew_ms=12.0,
    playout_delay_ms=13.0,
    clock_drift_ppm=14.0,
    clock_steps=15,
    resyncs=16,
    num_steps=17,
    painted=True,
    halved=False,
    draw_every=18,
    quality_changes=19,
    compute_ms=20.0,
)
COUNTED = {
    "late_frames": 2,
    "repeated_frames": 3,
    "dropped_frames": 4,
    "skipped_hops": 6,
    "concealed_audio_ms": 7,
    "silent_concealed_audio_ms": 8,
    "late_audio_ms": 9,
    "early_audio_ms": 10,
    "skipped_voice_ms": 11,
    "clock_steps": 15,
    "clock_resyncs": 16,
    "quality_changes": 19,
}


class Face:
    """What a reporter sees of a call; its browser has ``told`` what it was told."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.stream = SimpleNamespace(stats=STATS, config=SimpleNamespace(packet_ms=21))
        self.told: asyncio.Queue[ServerMessage] = asyncio.Queue()
        media = SimpleNamespace(stream=self.stream, frames_sent=0)
        control = SimpleNamespace(send=self.told.put_nowait)
        self.reporter = Reporter(
            cast(SessionMedia[Any], media),
            self.metrics,
            cast(ControlChannel, control),
            cast(PictureFeedback, SimpleNamespace(rung=2)),
        )

    def counted(self) -> dict[str, float | None]:
        registry = self.metrics.registry
        return {name: registry.get_sample_value(f"likeness_{name}_total") for name in COUNTED}


async def test_what_was_counted_since_the_last_time_is_added_to_its_own_counter() -> None:
    face = Face()
    face.reporter._count()
    assert face.counted() == COUNTED
    face.stream.stats = replace(STATS, late_frames=12, resyncs=116)
    face.reporter._count()
    assert face.counted() == COUNTED | {"late_frames": 12, "clock_resyncs": 116}


async def test_the_browser_is_told_and_the_rest_is_counted_at_the_end() -> None:
    face = Face()
    running = asyncio.create_task(face.reporter.run())
    async with asyncio.timeout(20):
        told = await face.told.get()
    assert told == Stats(
        fps=0.0,
        late_frames=2,
        repeated_frames=3,
        dropped_frames=4,
        playout_delay_ms=13.0,
        microphone_packet_ms=21,
        av_skew_ms=12.0,
        num_steps=17,
        painted=True,
        halved=False,
        rung=2,
        compute_ms=20.0,
    )
    face.stream.stats = replace(STATS, dropped_frames=44)
    running.cancel()
    await asyncio.wait([running])
    assert face.counted() == COUNTED | {"dropped_frames": 44}
    below = [
        face.metrics.registry.get_sample_value("likeness_av_skew_ms_bucket", {"le": le})
        for le in ("10.0", "20.0")
    ]
    assert below == [0, 1]
