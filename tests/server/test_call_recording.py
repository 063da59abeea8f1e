"""The recording of one call: what its browser is told, in which order, and when the next begins."""

from pathlib import Path
from typing import cast

from server import messages
from server.call_recording import CallRecording
from server.config import TrustConfig, VideoConfig, VoiceConfig
from server.control import ControlChannel
from server.encoders import PictureEncoder, VoiceEncoder
from server.metrics import Metrics
from server.outlet import CallOutlet
from server.recorder import Recorder
from server.tracks import picture_track, voice_track
from tests.server.fakes import SIZE_PX
from tests.server.media import Source, decoded
from tests.server.test_recordings import H264, end, feed, files, recordings_in


class World:
    """A call's recording without a call; ``told`` is what the browser gets."""

    def __init__(self, folder: Path, **limits: float) -> None:
        video = VideoConfig(size_px=SIZE_PX)
        self.told: list[tuple[object, ...]] = []
        self.outlet = CallOutlet(
            picture_track(),
            PictureEncoder(H264, video, TrustConfig()),
            voice_track(),
            VoiceEncoder(VoiceConfig()),
            Metrics(),
        )
        self.recording = CallRecording(
            recordings_in(folder, **limits),
            self.outlet,
            cast(ControlChannel, self),
            None,
            lambda: "first",
        )

    def send(self, message: messages.ServerMessage) -> None:
        if isinstance(message, messages.Recording):
            self.told.append((message.active, message.id))
        elif isinstance(message, messages.Error):
            self.told.append((message.code,))

    def begin(self) -> Recorder:
        self.recording.begin()
        return self.running

    @property
    def running(self) -> Recorder:
        assert self.outlet.recorder is not None
        return self.outlet.recorder


async def test_that_it_is_over_is_told_when_it_is_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    recorder = world.begin()
    feed(recorder, Source(H264), 10)
    world.recording.stop()
    assert world.outlet.recorder is None
    assert world.told == [(True, recorder.id)]
    assert await end(recorder) is None
    assert world.told == [(True, recorder.id), (False, recorder.id)]


async def test_another_begins_while_the_last_is_still_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    one = world.begin()
    feed(one, Source(H264), 10)
    world.recording.stop()
    other = world.begin()
    assert other is not one
    # The last that is told is what is now.
    expected = [(True, one.id), (False, one.id), (True, other.id)]
    assert world.told == expected
    assert await end(one) is None
    assert world.told == expected
    feed(other, Source(H264), 20)
    world.recording.stop()
    assert await end(other) is None
    assert world.told == [*expected, (False, other.id)]
    assert sorted(decoded(path)[0] for path in files(tmp_path, "*.mp4")) == [10, 20]


async def test_where_everything_is_recorded_the_next_follows_one_that_became_too_long(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, everything=True, max_minutes=1 / 60)
    one = world.begin()
    feed(one, Source(H264), 40)
    assert await end(one) is not None
    other = world.running
    assert world.told == [(True, one.id), (False, one.id), (True, other.id)]
    feed(other, Source(H264), 5)
    world.recording.end()
    assert await end(other) is None
    assert world.outlet.recorder is None
    assert len(files(tmp_path, "*.mp4")) == 2


async def test_elsewhere_one_that_became_too_long_is_the_last(tmp_path: Path) -> None:
    world = World(tmp_path, max_minutes=1 / 60)
    one = world.begin()
    feed(one, Source(H264), 40)
    await end(one)
    assert world.told == [(True, one.id), ("recording-too-long",), (False, one.id)]
    assert world.outlet.recorder is None


async def test_a_disk_that_fails_is_tried_again_later_unless_the_call_ends(tmp_path: Path) -> None:
    world = World(tmp_path / "gone", everything=True)
    one = world.begin()
    await end(one)
    assert world.outlet.recorder is None
    assert world.told == [(True, one.id), ("recording-failed",), (False, one.id)]
    # While the next is waited for, it is not the browser's to call off.
    world.recording.stop()
    assert world.told[-1] == ("records-everything",)
    assert world.recording._again.is_waiting
    world.recording.end()
    assert not world.recording._again.is_waiting
