"""Coded pictures and voice to a file that plays up to its last second, whatever happens to us.

H.264 goes into fragmented MP4 (ISO/IEC 14496-12 section 8.8), VP8 into WebM, which MP4 has no
place for. Nothing is coded again. What is written in full, a fragment or a cluster, is never
touched again, so a process that is killed leaves a file that plays.
"""

from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
from av.container import OutputContainer

from server.encoders import VIDEO_TIME_BASE, VOICE_TIME_BASE
from server.sdp import VideoCodec
from server.tracks import AnyPacket
from streaming.rates import (
    VIDEO_CLOCK_RATE,
    VIDEO_TICKS_PER_FRAME,
    VOICE_CHUNK_SAMPLES,
    VOICE_RATE,
)

SUFFIXES = {VideoCodec.H264: ".mp4", VideoCodec.VP8: ".webm"}

_FRAGMENT_MS = 500
# Sound that waits for a picture, or the other way round, goes to the file after this.
_INTERLEAVE_MS = 200
_COMMON_OPTIONS = {"flush_packets": "1", "max_interleave_delta": str(_INTERLEAVE_MS * 1000)}
_FORMATS = {
    VideoCodec.H264: (
        "mp4",
        {
            # frag_discont: a track that begins later than the other keeps its time.
            # skip_trailer: no table of fragments (mfra), which signing would make wrong.
            "movflags": "frag_keyframe+empty_moov+default_base_moof+frag_discont+skip_trailer",
            "frag_duration": str(_FRAGMENT_MS * 1000),
        },
    ),
    VideoCodec.VP8: ("webm", {"cluster_time_limit": str(_FRAGMENT_MS)}),
}
_MUXERS = {VideoCodec.H264: "h264", VideoCodec.VP8: "vp8"}
_USUAL_TICKS = (VIDEO_TICKS_PER_FRAME, VOICE_CHUNK_SAMPLES)
_EARLY_PACKETS = 2
_START_CODE = b"\x00\x00\x01"
_H264_IDR = 5


class MediaFile:
    """Writes to ``file``, which stays open. It begins with the first key frame, at time 0.

    Everything blocks. Raises what ``file.write`` raises; av.FFmpegError for media it cannot hold.
    """

    def __init__(self, file: IO[bytes], codec: VideoCodec, size_px: int) -> None:
        self.duration_ms = 0.0
        self._file = file
        self._codec = codec
        self._size_px = size_px
        self._container: OutputContainer | None = None
        self._start_s = Fraction(0)
        # Voice leaves just before its picture, the first too.
        self._early_voice: deque[tuple[bytes, int]] = deque(maxlen=_EARLY_PACKETS)
        # One of each stream, until it is known how long it lasts. The muxer would take what it
        # says for a fragment's end, and lose a gap that is there.
        self._held: dict[int, AnyPacket] = {}

    @property
    def has_begun(self) -> bool:
        """Whether there was a key frame yet."""
        return self._container is not None

    def write_picture(self, data: bytes, pts: int) -> None:
        """Add a picture, ``pts`` in 1/90000 s, increasing."""
        is_key = is_keyframe(self._codec, data)
        if self._container is None:
            if not is_key:
                return
            self._open(Fraction(pts, VIDEO_CLOCK_RATE))
        self._write(0, data, pts, VIDEO_TIME_BASE, is_keyframe=is_key)
        while self._early_voice:
            self.write_voice(*self._early_voice.popleft())

    def write_voice(self, data: bytes, pts: int) -> None:
        """Add 20 ms of Opus, ``pts`` in 1/48000 s, increasing."""
        if self._container is None:
            self._early_voice.append((data, pts))
        elif Fraction(pts, VOICE_RATE) >= self._start_s:
            self._write(1, data, pts, VOICE_TIME_BASE, is_keyframe=True)

    def close(self) -> None:
        """Write what is left."""
        if self._container is None:
            return
        try:
            for packet in self._held.values():
                self._mux(packet)
        finally:
            self._container.close()

    def _open(self, start_s: Fraction) -> None:
        name, options = _FORMATS[self._codec]
        self._start_s = start_s
        container = av.open(self._file, "w", format=name, options=_COMMON_OPTIONS | options)
        container.add_mux_stream(
            _MUXERS[self._codec],
            width=self._size_px,
            height=self._size_px,
            time_base=VIDEO_TIME_BASE,
        )
        # Its encoder codes nothing: it knows the header that Opus has in files (RFC 7845).
        voice = container.add_stream(
            "libopus", VOICE_RATE, layout="mono", options={"application": "lowdelay"}
        )
        voice.time_base = VOICE_TIME_BASE
        self._container = container

    def _write(
        self, stream: int, data: bytes, pts: int, time_base: Fraction, *, is_keyframe: bool
    ) -> None:
        assert self._container is not None
        packet: AnyPacket = av.Packet(data)
        packet.stream = self._container.streams[stream]
        packet.time_base = time_base
        packet.pts = packet.dts = pts - round(self._start_s / time_base)
        packet.duration = _USUAL_TICKS[stream]
        packet.is_keyframe = is_keyframe
        self.duration_ms = max(self.duration_ms, float(packet.pts * time_base * 1000))
        held, self._held[stream] = self._held.get(stream), packet
        if held is not None:
            assert held.pts is not None
            held.duration = packet.pts - held.pts
            self._mux(held)

    def _mux(self, packet: AnyPacket) -> None:
        assert self._container is not None
        try:
            self._container.mux_one(packet)
        except BaseException:
            # PyAV would write a header that failed once more, which crashes.
            self._held.clear()
            raise


def plays(path: Path) -> bool:
    """Whether there is a picture in a file, as far as it was written. Raises OSError."""
    try:
        with av.open(str(path)) as container:
            return any(packet.size for packet in container.demux(video=0))
    except (av.InvalidDataError, av.EOFError):
        return False


def is_keyframe(codec: VideoCodec, data: bytes) -> bool:
    """Whether a picture can be decoded without those before it.

    H.264 as a byte stream (Annex B): it has an IDR slice. VP8: its first bit is 0
    (RFC 6386 section 9.1).
    """
    if codec is VideoCodec.VP8:
        return not data[0] & 1
    at = data.find(_START_CODE)
    while at >= 0 and at + len(_START_CODE) < len(data):
        if (kind := data[at + len(_START_CODE)] & 31) <= _H264_IDR:
            return kind == _H264_IDR  # slices of one picture are of one kind
        at = data.find(_START_CODE, at + len(_START_CODE))
    return False
