"""Streaming: pure state between microphone and playout. Told the time, given its data, no I/O."""

from streaming.clock import ClockConfig, SessionClock
from streaming.config import StreamConfig
from streaming.governor import GovernorConfig
from streaming.playout import Due, DueFrame, VoiceChunk
from streaming.stats import StreamStats
from streaming.stream import Stream
from streaming.window import Hop, WindowPlan

__all__ = [
    "ClockConfig",
    "Due",
    "DueFrame",
    "GovernorConfig",
    "Hop",
    "SessionClock",
    "Stream",
    "StreamConfig",
    "StreamStats",
    "VoiceChunk",
    "WindowPlan",
]
