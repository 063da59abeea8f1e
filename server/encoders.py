"""Pictures to H.264 or VP8 and voice to Opus, for immediate sending; with PyAV.

A picture encoder is used by one thread at a time: the inference thread.
"""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from model.rates import FPS
from server.config import MARKED, TrustConfig, VideoConfig, VoiceConfig
from server.outgoing import OutgoingPictures
from server.sdp import VideoCodec
from streaming.rate_ladder import ladder_config
from streaming.rates import (
    VIDEO_CLOCK_RATE,
    VIDEO_TICKS_PER_FRAME,
    VOICE_CHUNK_SAMPLES,
    VOICE_RATE,
)

VIDEO_TIME_BASE = Fraction(1, VIDEO_CLOCK_RATE)
VOICE_TIME_BASE = Fraction(1, VOICE_RATE)

# The sender has no pacing, so a key frame must not be a burst that fills the path's queues:
# the rate is held over windows of this length; shorter ones where the path is known to be narrow.
_RATE_WINDOW_MS, _NARROW_WINDOW_MS = 400, 200
# ITU-T H.264, table A-1: 3600 macroblocks.
_LEVEL_3_1_PIXELS = 3600 * 256
# Of a picture with its alpha below: mostly flat, but its edge must be clean.
_PACKED_RATE = 1.25


@dataclass(frozen=True)
class EncodedFrame:
    """One coded picture: ``index`` counts frames of the session at 25 per second.

    ``rung``: with which bitrate it was coded.
    """

    index: int
    data: bytes
    is_keyframe: bool
    rung: int = 0


class PictureEncoder:
    """Codes the pictures of one session, in order, one packet each, without delay.

    With ``packed`` they are twice as high: colour above, alpha as grey below. ``rung`` chooses
    their bitrate (`streaming.rate_ladder`).

    A key frame comes first, and on request; and, with ``has_regular_keyframes``, which may be set
    at any time, ``keyframe_interval_s`` after the last one. Files and other servers want those.
    """

    def __init__(
        self,
        codec: VideoCodec,
        config: VideoConfig,
        trust: TrustConfig = MARKED,
        *,
        packed: bool = False,
        rung: int = 0,
    ) -> None:
        self.codec = codec
        full_bps = round(config.bitrate_kbps * 1000 * (_PACKED_RATE if packed else 1))
        self._rates_bps = ladder_config(full_bps).rates_bps
        self._size = config.size_px, config.size_px * (1 + packed)
        self._rung = self._wanted_rung = rung
        self._context = self._open(rung)
        self._outgoing = OutgoingPictures(config.size_px, trust, packed=packed)
        self.has_regular_keyframes = True
        self._interval_frames = round(config.keyframe_interval_s * FPS)
        self._interval_end = 0
        self._keyframe_wanted = True

    def change_rung(self, rung: int) -> None:
        """Code what follows at another bitrate. May be called from any thread.

        Down at once; up with the next regular key frame, which would be there anyway, if any.
        """
        self._wanted_rung = rung

    def request_keyframe(self) -> None:
        """Make the next picture a key frame. May be called from any thread."""
        self._keyframe_wanted = True

    def encode(self, rgb: NDArray[np.uint8], index: int) -> EncodedFrame:
        """Mark and code ``rgb`` (height, size_px, 3), or half of both, as frame ``index``.

        Indices increase.

        Raises ValueError for another shape, av.FFmpegError if the codec fails.
        """
        wanted_rung = self._wanted_rung
        is_interval_over, is_regular = index >= self._interval_end, self.has_regular_keyframes
        is_key_due = self._keyframe_wanted or (is_interval_over and is_regular)
        is_key_due |= wanted_rung > self._rung or (wanted_rung < self._rung and not is_regular)
        if is_key_due and wanted_rung != self._rung:
            # libvpx' wrapper has no other way.
            self._context = self._open(wanted_rung)
            self._rung = wanted_rung
        picture = self._outgoing.convert(rgb, refit=is_key_due or is_interval_over)
        picture.pts = index * VIDEO_TICKS_PER_FRAME
        picture.time_base = VIDEO_TIME_BASE
        picture.pict_type = PictureType.NONE
        if is_key_due:
            picture.pict_type = PictureType.I
            self._keyframe_wanted = False
        packets = self._context.encode(picture)
        if len(packets) != 1:
            raise ValueError(f"found {len(packets)} packets for one picture, expected 1")
        is_keyframe = packets[0].is_keyframe
        if is_keyframe or is_interval_over:
            self._interval_end = index + self._interval_frames
        return EncodedFrame(index, bytes(packets[0]), is_keyframe, self._rung)

    def _open(self, rung: int) -> VideoCodecContext:
        window_ms = _NARROW_WINDOW_MS if rung else _RATE_WINDOW_MS
        return _open(self.codec, self._size, self._rates_bps[rung], window_ms)


class VoiceEncoder:
    """Codes the 20 ms chunks of one session's voice.

    Opus in its restricted low-delay mode: 2.5 ms of algorithmic delay instead of 6.5 ms, and no
    player corrects for that delay (RFC 6716 section 2; it would be lip-sync error).
    """

    def __init__(self, config: VoiceConfig) -> None:
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = VOICE_RATE
        context.time_base = VOICE_TIME_BASE
        context.format = av.AudioFormat("s16")
        context.layout = "mono"
        context.bit_rate = config.bitrate_kbps * 1000
        context.options = {"application": "lowdelay", "frame_duration": "20"}
        self._context = context

    def encode(self, pcm: NDArray[np.int16], pts: int) -> bytes:
        """One Opus packet of ``pcm`` (960, 1), 48 kHz, ``pts`` in 1/48000 s.

        Raises ValueError for another shape, av.FFmpegError if the codec fails.
        """
        if pcm.shape != (VOICE_CHUNK_SAMPLES, 1):
            raise ValueError(
                f"found a chunk of shape {pcm.shape}, expected ({VOICE_CHUNK_SAMPLES}, 1)"
            )
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm.T), format="s16", layout="mono")
        sound.sample_rate = VOICE_RATE
        sound.pts = pts
        sound.time_base = VOICE_TIME_BASE
        packets = self._context.encode(sound)
        if len(packets) != 1:
            raise ValueError(f"found {len(packets)} packets for one chunk, expected 1")
        return bytes(packets[0])


def available_codecs() -> list[str]:
    """Which of the encoders we use this build of PyAV has."""
    return sorted({"libx264", "libvpx", "libopus", "aac"} & av.codecs_available)


def _open(
    codec: VideoCodec, size: tuple[int, int], rate_bps: int, window_ms: int
) -> VideoCodecContext:
    window_bits = rate_bps * window_ms // 1000
    match codec:
        case VideoCodec.H264:
            name = "libx264"
            options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "forced-idr": "1",
                # Not the least that will do: a file of many bitrates has one header for all.
                "level": "3.1" if size[0] * size[1] <= _LEVEL_3_1_PIXELS else "4.0",
                "maxrate": str(rate_bps),
                "bufsize": str(window_bits),
            }
        case VideoCodec.VP8:
            name = "libvpx"
            options = {
                "deadline": "realtime",
                "cpu-used": "-8",
                "lag-in-frames": "0",
                "static-thresh": "1",
                "minrate": str(rate_bps),
                "maxrate": str(rate_bps),
                "bufsize": str(window_bits),
            }
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base = VIDEO_TIME_BASE
    context.framerate = Fraction(FPS)
    context.bit_rate = rate_bps
    context.colorspace = Colorspace.ITU601
    context.color_range = ColorRange.MPEG
    # Key frames are placed by PictureEncoder: the codec's own come never.
    context.gop_size = 1_000_000
    # Other sessions and the model want the other cores; slices would cost quality.
    context.thread_count = 1
    context.options = options
    if codec is VideoCodec.H264:
        context.profile = "Constrained Baseline"
    return context
