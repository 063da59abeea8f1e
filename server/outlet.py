"""Where the coded media of a face leaves, and what codes it: for one caller, or an audience."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from model.rates import FRAME_MS
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.metrics import Metrics
from server.recorder import Recorder
from server.tracks import PacketTrack

# A picture is coded so long before it is sent, about.
_CODED_AHEAD_MS = 100


class CodedFrame(Protocol):
    """One picture, coded in whatever ways an outlet needs."""

    @property
    def index(self) -> int:
        """Counts frames of the session at 25 per second."""
        ...


# What an outlet makes of a picture is what it takes back when the picture is due.
F = TypeVar("F", bound=CodedFrame)
F_co = TypeVar("F_co", bound=CodedFrame, covariant=True)


# Cuts the person out of the picture at hand: (size_px, size_px, 4), RGB not multiplied by alpha,
# and alpha. It takes time: to be called only where somebody wants it.
CutOut: TypeAlias = Callable[[], NDArray[np.uint8]]


class PictureCoder(Protocol[F_co]):
    """Codes pictures in order; used by one thread, the inference thread."""

    def encode(self, rgb: NDArray[np.uint8], cut_out: CutOut, index: int) -> F_co:
        """Code ``rgb`` (size_px, size_px, 3), or half, as frame ``index``; indices increase."""
        ...


class Outlet(Protocol[F]):
    """``coder`` codes; what is sent leaves at once. All but ``coder`` is for the event loop."""

    @property
    def coder(self) -> PictureCoder[F]:
        """What codes its pictures."""
        ...

    def request_keyframe(self) -> None:
        """Make the next picture a key frame."""
        ...

    def send_voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        """Code and send 20 ms of voice (960, 1), ``pts`` in 1/48000 s."""
        ...

    def send_picture(self, frame: F, pts: int) -> None:
        """Send a picture, ``pts`` in 1/90000 s."""
        ...


class CallCoder:
    """Codes pictures as they are: a caller sees the background too."""

    def __init__(self, encoder: PictureEncoder) -> None:
        self.codec = encoder.codec
        self._encoder = encoder

    def request_keyframe(self) -> None:
        """Make the next picture a key frame. May be called from any thread."""
        self._encoder.request_keyframe()

    @property
    def has_regular_keyframes(self) -> bool:
        """See PictureEncoder."""
        return self._encoder.has_regular_keyframes

    @has_regular_keyframes.setter
    def has_regular_keyframes(self, wanted: bool) -> None:
        self._encoder.has_regular_keyframes = wanted

    def change_rung(self, rung: int) -> None:
        """See PictureEncoder."""
        self._encoder.change_rung(rung)

    def encode(self, rgb: NDArray[np.uint8], cut_out: CutOut, index: int) -> EncodedFrame:
        """See PictureCoder."""
        return self._encoder.encode(rgb, index)


def pause_frames(pause_ms: float) -> int:
    """Return how many more pictures are to be left out before one is coded to end a pause."""
    return max(0, round((pause_ms - _CODED_AHEAD_MS) / FRAME_MS))


class CallOutlet:
    """The two tracks of one caller, in one codec. What its sender does not take is counted.

    ``recorder``, while there is one, gets all that is sent. Without one there are no regular key
    frames: the caller asks for those that it needs, and each fills a narrow way.
    """

    def __init__(
        self,
        picture_track: PacketTrack,
        encoder: PictureEncoder,
        voice_track: PacketTrack,
        voice_encoder: VoiceEncoder,
        metrics: Metrics,
    ) -> None:
        self.picture_track = picture_track
        self.coder = CallCoder(encoder)
        self.voice_track = voice_track
        self._recorder: Recorder | None = None
        self.coder.has_regular_keyframes = False
        self._voice_encoder = voice_encoder
        self._metrics = metrics
        self._rung = 0
        self._pause_frames = 0

    @property
    def recorder(self) -> Recorder | None:
        """What records the call."""
        return self._recorder

    @recorder.setter
    def recorder(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        self.coder.has_regular_keyframes = recorder is not None

    def request_keyframe(self) -> None:
        """See Outlet."""
        self.coder.request_keyframe()

    @property
    def sent_bytes(self) -> int:
        """See PictureReceiver."""
        return self.picture_track.sent_bytes

    def change_rung(self, rung: int, pause_ms: float = 0) -> None:
        """See PictureReceiver."""
        self._rung = rung
        self._pause_frames = pause_frames(pause_ms)
        if self._pause_frames == 0:
            self.coder.change_rung(rung)

    def send_voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        """See Outlet."""
        data = self._voice_encoder.encode(pcm, pts)
        if self.recorder is not None:
            self.recorder.voice.put(data, pts)
        if not self.voice_track.put(data, pts):
            self._metrics.dropped_packets.inc()

    def send_picture(self, frame: EncodedFrame, pts: int) -> None:
        """See Outlet."""
        if self.recorder is not None:
            self.recorder.picture.put(frame.data, pts)
        if self._pause_frames > 0:
            self._pause_frames -= 1
            if self._pause_frames == 0:
                self.coder.change_rung(self._rung)
        if frame.rung < self._rung:
            # Coded for a wider way, it would keep this one full. A key frame is about to come.
            return
        if not self.picture_track.put(frame.data, pts):
            self._metrics.dropped_packets.inc()
            self.request_keyframe()
