"""Each packet of sound carries the one before it again: one that is lost costs nothing.

aiortc does not know RED (`server.red`), but has names for codecs that can be bound anew.
"""

import logging
from collections import deque
from typing import Any

from aiortc import RTCRtpCodecParameters, rtcrtpreceiver, rtcrtpsender
from aiortc.codecs import CODECS, get_decoder, get_encoder
from aiortc.codecs.base import Decoder, Encoder
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import convert_timebase
from av.frame import Frame

from server import red
from server.encoders import VOICE_TIME_BASE
from server.red import Block
from server.tracks import AnyPacket
from streaming.rates import VOICE_RATE

logger = logging.getLogger(__name__)

_PAYLOAD_TYPE = 63
# Packets of 10 ms: those that came are remembered for longer than one is worth waiting for.
_REMEMBERED = 100


class RedDecoder(Decoder):
    """Decodes what is new in each packet, and before it what has not come yet."""

    def __init__(self) -> None:
        self._opus = OpusDecoder()
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)

    def decode(self, encoded_frame: JitterFrame) -> list[Frame]:
        """See Decoder; a packet that cannot be read is left out, as one that is lost."""
        try:
            blocks = red.unpack(encoded_frame.data)
        except ValueError as error:
            logger.debug("a packet of sound is left out: %s", error)
            return []
        frames: list[Frame] = []
        for block in blocks:
            timestamp = encoded_frame.timestamp - block.age
            # Nothing begins before the first packet. An empty block is none.
            if timestamp < 0 or timestamp in self._seen or not block.data:
                continue
            self._seen.append(timestamp)
            frames += self._opus.decode(JitterFrame(block.data, timestamp))
        return frames


class RedEncoder(Encoder):
    """Packs what is coded already, with what came before it."""

    def __init__(self) -> None:
        self._before: tuple[int, bytes] | None = None

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Raises NotImplementedError: what we send is coded already."""
        raise NotImplementedError

    def pack(self, packet: AnyPacket) -> tuple[list[bytes], int]:
        """See Encoder."""
        assert packet.pts is not None
        assert packet.time_base is not None
        timestamp = convert_timebase(packet.pts, packet.time_base, VOICE_TIME_BASE)
        data = bytes(packet)
        blocks = [Block(0, data)]
        if self._before is not None:
            again = Block(timestamp - self._before[0], self._before[1])
            if red.fits(again):
                blocks.insert(0, again)
        self._before = timestamp, data
        return [red.pack(blocks)], timestamp


def _decoder(codec: RTCRtpCodecParameters) -> Decoder:
    return RedDecoder() if codec.mimeType == red.MIME_TYPE else get_decoder(codec)


def _encoder(codec: RTCRtpCodecParameters) -> Encoder:
    return RedEncoder() if codec.mimeType == red.MIME_TYPE else get_encoder(codec)


def install() -> None:
    """Let aiortc know RED, for who prefers it by ``setCodecPreferences``."""
    receiver: Any = rtcrtpreceiver
    sender: Any = rtcrtpsender
    receiver.get_decoder, sender.get_encoder = _decoder, _encoder
    if all(codec.mimeType != red.MIME_TYPE for codec in CODECS["audio"]):
        CODECS["audio"].append(
            RTCRtpCodecParameters(
                mimeType=red.MIME_TYPE,
                clockRate=VOICE_RATE,
                channels=2,
                payloadType=_PAYLOAD_TYPE,
                parameters={red.FORMAT: None},
            )
        )
