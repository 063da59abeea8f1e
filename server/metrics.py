"""What ``/metrics`` tells Prometheus. One registry per server, so that tests can have many."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from server.lifecycle import Ending

CONTENT_TYPE = CONTENT_TYPE_LATEST

_STAGE_BUCKETS_S = (
    0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.032, 0.048, 0.064, 0.08,
    0.12, 0.16, 0.25, 0.5, 1.0,
)  # fmt: skip
_SKEW_BUCKETS_MS = (-120, -80, -45, -20, -10, -5, -2, 0, 2, 5, 10, 20, 45, 80, 120)


class Metrics:
    """All metrics of one server, named ``likeness_*``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.stage_seconds = Histogram(
            "likeness_stage_seconds",
            "Time of one hop in a stage: wait, motion (a batch), render, encode; voice: one chunk",
            ["stage"],
            buckets=_STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self.batch_hops = Histogram(
            "likeness_batch_hops",
            "Hops animated together",
            buckets=(1, 2, 3, 4, 6, 8, 12, 16),
            registry=self.registry,
        )
        self.frames_sent = self._counter("frames_sent", "Pictures sent")
        self.late_frames = self._counter("late_frames", "Pictures finished after their time")
        self.repeated_frames = self._counter(
            "repeated_frames", "Frame times at which the picture before stayed"
        )
        self.dropped_frames = self._counter("dropped_frames", "Pictures too late to be shown")
        self.dropped_packets = self._counter(
            "dropped_packets", "Packets dropped because the sender was stuck"
        )
        self.concealed_audio_ms = self._counter(
            "concealed_audio_ms", "Microphone sound that was missing: made up, or heard as silence"
        )
        self.silent_concealed_audio_ms = self._counter(
            "silent_concealed_audio_ms",
            "The part of concealed_audio_ms that was heard as silence",
        )
        self.rung_changes = self._counter(
            "rung_changes", "Times a receiver's network made a picture's bitrate fall or rise"
        )
        self.resends_refused = self._counter(
            "resends_refused", "Packets not sent again: too many were asked for"
        )
        self.pictures_lost = self._counter(
            "pictures_lost", "Key frames that receivers asked for (RTCP PLI, FIR)"
        )
        self.late_audio_ms = self._counter(
            "late_audio_ms", "Microphone sound dropped because it came after its time"
        )
        self.early_audio_ms = self._counter(
            "early_audio_ms", "Microphone sound dropped because it came before its time"
        )
        self.skipped_hops = self._counter("skipped_hops", "Hops too old to be worth computing")
        self.skipped_voice_ms = self._counter(
            "skipped_voice_ms", "Voice not sent because the event loop came too late"
        )
        self.quality_changes = self._counter(
            "quality_changes",
            "Times the governor changed denoising steps, painting, detail or frame rate",
        )
        self.clock_steps = self._counter(
            "clock_steps", "Corrections of a microphone's clock too large to make gradually"
        )
        self.clock_resyncs = self._counter(
            "clock_resyncs", "Times a microphone's time stamps jumped"
        )
        self.invalid_messages = self._counter(
            "invalid_messages", "Data-channel messages that were refused"
        )
        self.early_messages = self._counter(
            "early_messages", "Data-channel messages that came before the call was live: not heeded"
        )
        self.unsent_messages = self._counter(
            "unsent_messages", "Data-channel messages not sent: closed or congested"
        )
        self.calls_refused = self._counter("calls_refused", "Calls answered 503")
        self.requests_denied = self._counter(
            "requests_denied",
            "Requests refused: no key, not the right one, or keys that cannot be read",
        )
        self.requests_limited = self._counter(
            "requests_limited", "Requests answered 429: too many from one address"
        )
        self.calls_ended = Counter(
            "likeness_calls_ended", "Calls by how they ended", ["reason"], registry=self.registry
        )
        for ending in Ending:
            self.calls_ended.labels(ending.value)
        self.av_skew_ms = Histogram(
            "likeness_av_skew_ms",
            "Picture time minus sound time at sending, once a second; positive = picture late",
            buckets=_SKEW_BUCKETS_MS,
            registry=self.registry,
        )
        self.unrecorded_packets = self._counter(
            "unrecorded_packets", "Packets missing in recordings because the disk was too slow"
        )
        self.recordings_failed = self._counter(
            "recordings_failed", "Recordings that ended before they were stopped"
        )
        self.recordings_stuck = self._counter(
            "recordings_stuck", "Times a recording was not waited for any longer: its disk hangs"
        )
        self.recordings_unsigned = Counter(
            "likeness_recordings_unsigned",
            "Recordings without content credentials: webm has no place for them; or failed",
            ["reason"],
            registry=self.registry,
        )
        for reason in ("webm", "failed"):
            self.recordings_unsigned.labels(reason)
        self.recordings = self._gauge("recordings", "Recordings being made now")
        self.pushes_connected = self._gauge("pushes_connected", "Avatars sent to a WHIP server now")
        self.push_failures = self._counter(
            "push_failures", "Times an avatar could not be sent to a WHIP server, or was lost"
        )
        self.sessions = self._gauge("sessions", "Calls and performances now admitted")
        self.max_sessions = self._gauge(
            "max_sessions", "Calls and performances that may run at once"
        )
        self.ready = self._gauge("ready", "1 when calls are taken")

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def _counter(self, name: str, documentation: str) -> Counter:
        return Counter(f"likeness_{name}", documentation, registry=self.registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(f"likeness_{name}", documentation, registry=self.registry)
