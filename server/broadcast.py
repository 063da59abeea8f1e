"""One face for many: every picture is coded once per codec, and sent to all who watch."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.rates import FPS
from server.config import MARKED, TrustConfig, VideoConfig, VoiceConfig
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.metrics import Metrics
from server.sdp import VideoCodec
from server.tracks import PacketSink

# Whoever comes within this time after a key frame gets that one and all since; so nobody makes
# others pay for a key frame more often.
_KEYFRAME_PERIOD_S = 1.0
MAX_CATCH_UP_FRAMES = math.ceil(_KEYFRAME_PERIOD_S * FPS) + 1


@dataclass(frozen=True)
class BroadcastFrame:
    """One picture in every codec that somebody watches."""

    index: int
    coded: Mapping[VideoCodec, EncodedFrame]


@dataclass(eq=False)
class Seat:
    """Where one viewer's media goes; ``codec`` or ``voice_track`` None: it wants none of it.

    ``is_behind``: it must wait for the next key frame. ``records``: it is no viewer, and wants no
    pictures of before it came, whose sound it did not get.
    """

    codec: VideoCodec | None
    picture_track: PacketSink
    voice_track: PacketSink | None
    is_behind: bool = True
    records: bool = False


@dataclass
class _SinceKeyframe:
    """What has been sent in one codec since its last key frame, while that is recent."""

    sent_s: float
    packets: list[tuple[bytes, int]] = field(default_factory=list)


class BroadcastCoder:
    """Codes each picture in the codecs that are ``wanted``; used by the inference thread.

    ``wanted`` is replaced by the event loop. A codec that nobody watches costs nothing.
    """

    def __init__(self, config: VideoConfig, trust: TrustConfig) -> None:
        self.wanted: frozenset[VideoCodec] = frozenset()
        self._encoders = {codec: PictureEncoder(codec, config, trust) for codec in VideoCodec}

    def request_keyframe(self, codec: VideoCodec) -> None:
        """Make the next picture in ``codec`` a key frame. May be called from any thread."""
        self._encoders[codec].request_keyframe()

    def encode(self, rgb: NDArray[np.uint8], index: int) -> BroadcastFrame:
        """See PictureCoder."""
        wanted = self.wanted
        return BroadcastFrame(
            index, {codec: self._encoders[codec].encode(rgb, index) for codec in wanted}
        )


class Broadcast:
    """The outlet of a face that has an audience. ``clock`` gives monotonic seconds."""

    def __init__(
        self,
        video: VideoConfig,
        voice: VoiceConfig,
        metrics: Metrics,
        trust: TrustConfig = MARKED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.coder = BroadcastCoder(video, trust)
        self._voice_encoder = VoiceEncoder(voice)
        self._metrics = metrics
        self._clock = clock
        self._seats: set[Seat] = set()
        self._since: dict[VideoCodec, _SinceKeyframe] = {}
        self._asked_s: dict[VideoCodec, float] = {}

    @property
    def viewers(self) -> int:
        """How many watch."""
        return sum(not seat.records for seat in self._seats)

    def take_seat(self, seat: Seat) -> None:
        """Begin to send to a viewer, with a picture that it can see at once, or very soon."""
        self._seats.add(seat)
        self._count_codecs()
        if seat.codec is None:
            return
        since = self._since.get(seat.codec)
        if since is None or seat.records or self._clock() - since.sent_s > _KEYFRAME_PERIOD_S:
            self._ask_for_keyframe(seat.codec)
            return
        for data, pts in since.packets:
            seat.picture_track.put(data, pts)
        seat.is_behind = False

    def leave_seat(self, seat: Seat) -> None:
        """Send to this viewer no more."""
        self._seats.discard(seat)
        self._count_codecs()

    def request_keyframe(self) -> None:
        """See Outlet."""
        for codec in self.coder.wanted:
            self._ask_for_keyframe(codec)

    def send_voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        """See Outlet."""
        data = self._voice_encoder.encode(pcm, pts)
        for seat in self._seats:
            if seat.voice_track is not None and not seat.voice_track.put(data, pts):
                self._metrics.dropped_packets.inc()

    def send_picture(self, frame: BroadcastFrame, pts: int) -> None:
        """See Outlet."""
        for codec, coded in frame.coded.items():
            self._remember(codec, coded, pts)
        for seat in self._seats:
            if seat.codec is not None and (own := frame.coded.get(seat.codec)) is not None:
                self._send(seat, seat.codec, own, pts)

    def _send(self, seat: Seat, codec: VideoCodec, coded: EncodedFrame, pts: int) -> None:
        if seat.is_behind and not coded.is_keyframe:
            if seat.picture_track.queued_packets == 0:
                # It takes what it is sent again; one that does not shall cost nobody anything.
                self._ask_for_keyframe(codec)
            return
        seat.is_behind = False
        if not seat.picture_track.put(coded.data, pts):
            self._metrics.dropped_packets.inc()
            # What follows is predicted from what was dropped.
            seat.is_behind = True

    def _remember(self, codec: VideoCodec, coded: EncodedFrame, pts: int) -> None:
        if coded.is_keyframe:
            self._since[codec] = _SinceKeyframe(self._clock())
        if (since := self._since.get(codec)) is None:
            return
        since.packets.append((coded.data, pts))
        if len(since.packets) > MAX_CATCH_UP_FRAMES:
            del self._since[codec]

    def _ask_for_keyframe(self, codec: VideoCodec) -> None:
        now = self._clock()
        if now - self._asked_s.get(codec, -_KEYFRAME_PERIOD_S) >= _KEYFRAME_PERIOD_S:
            self._asked_s[codec] = now
            self.coder.request_keyframe(codec)

    def _count_codecs(self) -> None:
        wanted = frozenset(seat.codec for seat in self._seats if seat.codec is not None)
        for codec in self.coder.wanted - wanted:
            # What was sent before a pause in coding is no beginning for what comes after it.
            self._since.pop(codec, None)
            self._asked_s.pop(codec, None)
        for codec in wanted - self.coder.wanted:
            self.coder.request_keyframe(codec)
        self.coder.wanted = wanted
