"""One face for many: every picture is coded once per rendition, and sent to all who watch it."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model.rates import FPS
from server.config import MARKED, TrustConfig, VideoConfig, VoiceConfig
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.metrics import Metrics
from server.outlet import CutOut, pause_frames
from server.sdp import VideoCodec
from server.tracks import PacketSink, PacketTrack

# Whoever comes within this time after a key frame gets that one and all since; so nobody makes
# others pay for a key frame more often.
_KEYFRAME_PERIOD_S = 1.0
MAX_CATCH_UP_FRAMES = math.ceil(_KEYFRAME_PERIOD_S * FPS) + 1


@dataclass(frozen=True)
class Rendition:
    """How a viewer gets the picture. ``packed``: only the person, with alpha as grey below it.

    ``rung``: how often its bitrate is made half, see `streaming.rate_ladder`.
    """

    codec: VideoCodec
    packed: bool = False
    rung: int = 0


@dataclass(frozen=True)
class BroadcastFrame:
    """One picture in every rendition that somebody watches."""

    index: int
    coded: Mapping[Rendition, EncodedFrame]


@dataclass(eq=False)
class Seat:
    """Where one viewer's media goes; ``rendition`` or ``voice_track`` None: it wants none of it.

    ``next_rendition``: what it gets instead, from the next key frame of that on, and
    ``pause_frames``: after so many more pictures. ``is_behind``: it must wait for the next key
    frame. ``records``: it is no viewer, and wants no pictures of before it came, whose sound it did
    not get.
    """

    rendition: Rendition | None
    picture_track: PacketSink
    voice_track: PacketSink | None
    next_rendition: Rendition | None = None
    pause_frames: int = 0
    is_behind: bool = True
    records: bool = False

    @property
    def is_falling(self) -> bool:
        """Whether it waits for a lower bitrate, and gets nothing until then."""
        now, soon = self.rendition, self.next_rendition
        return now is not None and soon is not None and soon.rung > now.rung

    @property
    def renditions(self) -> set[Rendition]:
        """What has to be coded for it."""
        soon = None if self.pause_frames else self.next_rendition
        return {own for own in (self.rendition, soon) if own is not None}


@dataclass
class _SinceKeyframe:
    """What has been sent in one rendition since its last key frame, while that is recent."""

    sent_s: float
    packets: list[tuple[bytes, int]] = field(default_factory=list)


@dataclass(frozen=True)
class SeatReceiver:
    """One viewer of ``broadcast``, as its feedback sees it: what it needs, nobody else pays for."""

    broadcast: "Broadcast"
    seat: Seat
    track: PacketTrack

    @property
    def sent_bytes(self) -> int:
        """See PictureReceiver."""
        return self.track.sent_bytes

    def request_keyframe(self) -> None:
        """See PictureReceiver."""
        self.broadcast.repair(self.seat)

    def change_rung(self, rung: int, pause_ms: float = 0) -> None:
        """See PictureReceiver."""
        self.broadcast.change_rung(self.seat, rung, pause_ms)


class BroadcastCoder:
    """Codes each picture in the renditions that are ``wanted``; used by the inference thread.

    ``wanted`` is replaced by the event loop. A rendition that nobody watches costs nothing.
    """

    def __init__(self, config: VideoConfig, trust: TrustConfig) -> None:
        self.wanted: frozenset[Rendition] = frozenset()
        self._config = config
        self._trust = trust
        self._encoders: dict[Rendition, PictureEncoder] = {}

    def request_keyframe(self, rendition: Rendition) -> None:
        """Make the next picture in ``rendition`` a key frame. May be called from any thread."""
        # A rendition that is not coded yet begins with one.
        if (encoder := self._encoders.get(rendition)) is not None:
            encoder.request_keyframe()

    def encode(self, rgb: NDArray[np.uint8], cut_out: CutOut, index: int) -> BroadcastFrame:
        """See PictureCoder."""
        wanted = self.wanted
        pictures = {False: rgb}
        if any(rendition.packed for rendition in wanted):
            pictures[True] = pack(cut_out())
        return BroadcastFrame(
            index, {own: self._encoder(own).encode(pictures[own.packed], index) for own in wanted}
        )

    def _encoder(self, own: Rendition) -> PictureEncoder:
        if own not in self._encoders:
            self._encoders[own] = PictureEncoder(
                own.codec, self._config, self._trust, packed=own.packed, rung=own.rung
            )
        return self._encoders[own]


def pack(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put colour (size, size, 3) above and alpha as grey below it: (2 * size, size, 3).

    Colours are not multiplied by alpha: a codec blurs them, and at an edge that would darken it.
    """
    return np.concatenate([rgba[..., :3], rgba[..., 3:].repeat(3, axis=2)])


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
        # The ids of viewers who were answered, but are not connected yet.
        self.coming: set[str] = set()
        self._voice_encoder = VoiceEncoder(voice)
        self._metrics = metrics
        self._clock = clock
        self._seats: set[Seat] = set()
        self._since: dict[Rendition, _SinceKeyframe] = {}
        self._asked_s: dict[Rendition, float] = {}

    @property
    def viewers(self) -> int:
        """How many watch."""
        return sum(not seat.records for seat in self._seats)

    @property
    def places_taken(self) -> int:
        """How many watch, or are about to."""
        return self.viewers + len(self.coming)

    def take_seat(self, seat: Seat) -> None:
        """Begin to send to a viewer, with a picture that it can see at once, or very soon."""
        self._seats.add(seat)
        self._count_renditions()
        if seat.rendition is None:
            return
        since = self._since.get(seat.rendition)
        if since is None or seat.records or self._clock() - since.sent_s > _KEYFRAME_PERIOD_S:
            self._ask_for_keyframe(seat.rendition)
            return
        for data, pts in since.packets:
            seat.picture_track.put(data, pts)
        seat.is_behind = False

    def leave_seat(self, seat: Seat) -> None:
        """Send to this viewer no more."""
        self._seats.discard(seat)
        self._count_renditions()

    def repair(self, seat: Seat) -> None:
        """Send a viewer who lost a picture a key frame soon, if it does not come anyway."""
        # Who falls gets a key frame of the lower bitrate anyway, and none of this one.
        if seat.rendition is not None and not seat.is_falling:
            self._ask_for_keyframe(seat.rendition)

    def change_rung(self, seat: Seat, rung: int, pause_ms: float = 0) -> None:
        """Go on at another bitrate with this viewer alone, as soon as that has a key frame."""
        if seat.rendition is None:
            return
        wanted = replace(seat.rendition, rung=rung)
        seat.next_rendition = None if wanted == seat.rendition else wanted
        seat.pause_frames = pause_frames(pause_ms)
        self._count_renditions()

    def request_keyframe(self) -> None:
        """See Outlet."""
        for rendition in self.coder.wanted:
            self._ask_for_keyframe(rendition)

    def send_voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        """See Outlet."""
        data = self._voice_encoder.encode(pcm, pts)
        for seat in self._seats:
            if seat.voice_track is not None and not seat.voice_track.put(data, pts):
                self._metrics.dropped_packets.inc()

    def send_picture(self, frame: BroadcastFrame, pts: int) -> None:
        """See Outlet."""
        for rendition, coded in frame.coded.items():
            self._remember(rendition, coded, pts)
        for seat in self._seats:
            if seat.pause_frames > 0:
                seat.pause_frames -= 1
                if seat.pause_frames == 0:
                    self._count_renditions()
            elif seat.next_rendition is not None:
                self._change_rendition(seat, seat.next_rendition, frame)
            if seat.is_falling:
                # Coded for a wider way, it would keep this one full.
                continue
            if seat.rendition is not None and (own := frame.coded.get(seat.rendition)) is not None:
                self._send(seat, seat.rendition, own, pts)

    def _change_rendition(self, seat: Seat, wanted: Rendition, frame: BroadcastFrame) -> None:
        coded = frame.coded.get(wanted)
        if coded is None:
            return
        if coded.is_keyframe:
            seat.rendition, seat.next_rendition = wanted, None
            self._count_renditions()
        else:
            self._ask_for_keyframe(wanted)

    def _send(self, seat: Seat, rendition: Rendition, coded: EncodedFrame, pts: int) -> None:
        if seat.is_behind and not coded.is_keyframe:
            if seat.picture_track.queued_packets == 0:
                # It takes what it is sent again; one that does not shall cost nobody anything.
                self._ask_for_keyframe(rendition)
            return
        seat.is_behind = False
        if not seat.picture_track.put(coded.data, pts):
            self._metrics.dropped_packets.inc()
            # What follows is predicted from what was dropped.
            seat.is_behind = True

    def _remember(self, rendition: Rendition, coded: EncodedFrame, pts: int) -> None:
        if coded.is_keyframe:
            self._since[rendition] = _SinceKeyframe(self._clock())
        if (since := self._since.get(rendition)) is None:
            return
        since.packets.append((coded.data, pts))
        if len(since.packets) > MAX_CATCH_UP_FRAMES:
            del self._since[rendition]

    def _ask_for_keyframe(self, rendition: Rendition) -> None:
        now = self._clock()
        if now - self._asked_s.get(rendition, -_KEYFRAME_PERIOD_S) >= _KEYFRAME_PERIOD_S:
            self._asked_s[rendition] = now
            self.coder.request_keyframe(rendition)

    def _count_renditions(self) -> None:
        wanted = frozenset(own for seat in self._seats for own in seat.renditions)
        if wanted == self.coder.wanted:
            return
        for rendition in self.coder.wanted - wanted:
            # What was sent before a pause in coding is no beginning for what comes after it.
            self._since.pop(rendition, None)
            self._asked_s.pop(rendition, None)
        for rendition in wanted - self.coder.wanted:
            self.coder.request_keyframe(rendition)
        self.coder.wanted = wanted
