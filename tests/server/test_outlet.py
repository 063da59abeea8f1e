"""What a caller is sent when its bitrate changes."""

import pytest

from server.config import VideoConfig, VoiceConfig
from server.encoders import EncodedFrame, PictureEncoder, VoiceEncoder
from server.metrics import Metrics
from server.outlet import CallOutlet, pause_frames
from server.sdp import VideoCodec
from server.tracks import picture_track, voice_track


class Coder(PictureEncoder):
    """Says which rung it is to code for."""

    def __init__(self) -> None:
        super().__init__(VideoCodec.H264, VideoConfig(size_px=256))
        self.rung = 0

    def change_rung(self, rung: int) -> None:
        self.rung = rung


class Call:
    """An outlet, and pictures that are coded a picture's time before they are sent."""

    def __init__(self) -> None:
        self.coder = Coder()
        self.outlet = CallOutlet(
            picture_track(), self.coder, voice_track(), VoiceEncoder(VoiceConfig()), Metrics()
        )
        self._coded = 0

    async def send(self, frames: int) -> list[int]:
        """Return the rungs of the pictures that were sent."""
        rungs: list[int] = []
        for index in range(frames):
            coded, self._coded = self._coded, self.coder.rung
            frame = EncodedFrame(index, bytes([coded]), is_keyframe=False, rung=coded)
            self.outlet.send_picture(frame, index)
            track = self.outlet.picture_track
            while track.queued_packets:
                rungs.append(bytes(await track.recv())[0])
        return rungs


async def test_what_was_coded_for_a_wider_way_is_not_sent() -> None:
    call = Call()
    assert await call.send(3) == [0, 0, 0]
    call.outlet.change_rung(2)
    # One had been coded before.
    assert await call.send(3) == [2, 2]


async def test_what_was_coded_for_a_narrower_way_is_sent() -> None:
    call = Call()
    call.outlet.change_rung(2)
    await call.send(3)
    call.outlet.change_rung(1)
    assert await call.send(3) == [2, 1, 1]


async def test_nothing_is_sent_in_a_pause() -> None:
    call = Call()
    call.outlet.change_rung(3, pause_ms=300)
    assert await call.send(pause_frames(300)) == []
    assert await call.send(4) == [3, 3, 3]


async def test_a_recording_has_no_pause() -> None:
    call = Call()
    kept = picture_track(10)

    class Recorder:
        picture = kept

    call.outlet._recorder = Recorder()  # type: ignore[assignment]
    call.outlet.change_rung(3, pause_ms=300)
    await call.send(4)
    assert kept.queued_packets == 4


@pytest.mark.parametrize(("pause_ms", "frames"), [(0, 0), (100, 0), (260, 4), (500, 10)])
def test_a_pause_ends_with_a_picture_that_is_coded_before(pause_ms: float, frames: int) -> None:
    assert pause_frames(pause_ms) == frames
