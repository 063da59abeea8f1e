"""Speech that is pushed to a live avatar: a virtual clock, and no model."""

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from model.avatar import Controls
from server.app import stream_config
from server.avatars import Avatar, Avatars
from server.inference import InferenceThread
from server.metrics import Metrics
from server.performance import Performance, SpeechEvent
from server.portraits import Portraits, prepare
from server.recordings import Recordings
from server.services import Services
from streaming.rates import ms_to_samples
from tests.server.conftest import CONFIG
from tests.server.fakes import SIZE_PX, FakeAvatar

RATE = 24_000
DELAY_S = CONFIG.call.playout_delay_ms / 1000


class World:
    """A performance whose voice leaves every 20 ms."""

    def __init__(self) -> None:
        avatar = FakeAvatar()
        services = Services(
            config=CONFIG,
            stream=stream_config(CONFIG, avatar),
            inference=InferenceThread(avatar),
            portraits=cast(Portraits, None),
            avatars=cast(Avatars, None),
            recordings=cast(Recordings, None),
            metrics=Metrics(),
        )
        self.now = 100.0
        self.start = self.now
        self.events: list[tuple[float, SpeechEvent]] = []
        self.voice: list[NDArray[np.int16]] = []
        portrait = prepare(avatar, "first", "First", "nobody", b"FACE\x00", SIZE_PX)
        shown = Avatar(portrait, Controls(), is_built_in=True)
        self.performance = Performance(shown, services, lambda: self.now)
        self.performance.on_speech.add(lambda event: self.events.append((self.now, event)))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.now += 0.02
            self.performance._speak_packet()
            due = self.performance.media.stream.pop_due(self.now + 1e-6)
            self.voice += [chunk.pcm[:, 0] for chunk in due.voice]

    def stand_still(self, stall_s: float) -> None:
        """Let the event loop come so late, and do then what it does when it comes."""
        self.now += stall_s
        while self.performance._due_s <= self.now:
            self.performance._speak_packet()

    def say(self, utterance: str, seconds: float, *, end: bool = True) -> None:
        self.performance.begin_utterance(utterance, RATE)
        self.performance.say(np.full(round(seconds * RATE), 8000, np.int16))
        if end:
            self.performance.end_utterance()

    def told(self) -> list[tuple[str, bool, int, bool]]:
        return [
            (e.utterance, e.is_end, round(e.position_ms), e.interrupted) for _, e in self.events
        ]


@pytest.fixture
def world() -> World:
    subject = World()
    subject.run(0.5)
    return subject


def test_it_is_told_when_an_utterance_begins_to_be_heard_and_has_been(world: World) -> None:
    world.say("a", 1.0)
    said_at = world.now
    world.run(2.0)
    assert world.told() == [("a", False, 0, False), ("a", True, 1000, False)]
    begun, ended = (at for at, _ in world.events)
    assert begun - said_at == pytest.approx(DELAY_S + 0.02, abs=0.021)
    assert ended - begun == pytest.approx(1.0, abs=0.021)
    sound = np.concatenate(world.voice)
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 4000)
    assert loud[-1] - loud[0] == pytest.approx(48_000, abs=10)
    assert (sound[loud[0] : loud[-1] + 1] > 4000).all()


def test_utterances_follow_each_other_without_a_gap(world: World) -> None:
    world.say("a", 0.5)
    world.say("b", 0.5)
    world.run(1.6)
    assert [(name, is_end) for name, is_end, *_ in world.told()] == [
        ("a", False),
        ("a", True),
        ("b", False),
        ("b", True),
    ]
    times = [at for at, _ in world.events]
    assert times[2] - times[1] <= 0.021


@pytest.mark.parametrize("heard_s", [0.1, 0.4, 0.73])
def test_a_hush_is_silence_within_20_ms_and_tells_how_much_was_heard(
    world: World, heard_s: float
) -> None:
    world.say("a", 2.0)
    world.say("b", 2.0)
    world.run(DELAY_S + heard_s)
    heard = np.abs(np.concatenate(world.voice)) > 4000
    world.performance.hush()
    began, cut, never = world.told()
    assert began == ("a", False, 0, False)
    assert cut[:2] == ("a", True)
    assert cut[3]
    assert cut[2] == pytest.approx(1000 * heard.sum() / 48_000, abs=1)
    assert never == ("b", True, 0, True)
    before = len(world.voice)
    world.run(1.0)
    after = np.concatenate(world.voice[before:])
    assert not after[240:].any()
    assert len(world.events) == 3
    assert world.performance.queued_ms == 0


def test_a_hush_before_anything_was_heard(world: World) -> None:
    world.say("a", 1.0)
    world.run(0.1)
    world.performance.hush()
    assert world.told() == [("a", True, 0, True)]
    before = len(world.voice)
    world.run(1.0)
    assert not np.concatenate(world.voice[before:])[240:].any()


def test_who_speaks_after_a_hush_is_heard_whole(world: World) -> None:
    world.say("a", 1.0)
    world.run(0.6)
    world.performance.hush()
    world.events.clear()
    before = len(world.voice)
    world.say("b", 0.5)
    world.run(1.5)
    assert world.told() == [("b", False, 0, False), ("b", True, 500, False)]
    loud = np.abs(np.concatenate(world.voice[before:])[240:].astype(int)) > 4000
    assert loud.sum() == pytest.approx(24_000, abs=10)


def test_paused_speech_waits_and_goes_on(world: World) -> None:
    world.say("a", 1.0)
    world.run(0.5)
    world.performance.pause(True)
    world.run(2.0)
    assert world.told() == [("a", False, 0, False)]
    world.performance.pause(False)
    world.run(2.0)
    assert world.told()[1][:2] == ("a", True)


def test_speech_that_comes_slowly_is_one_utterance(world: World) -> None:
    world.say("a", 0.2, end=False)
    world.run(1.0)
    world.performance.say(np.full(RATE // 5, 8000, np.int16))
    world.performance.end_utterance()
    world.run(1.0)
    assert [mark[:2] for mark in world.told()] == [("a", False), ("a", True)]


def test_giving_the_voice_back_hushes(world: World) -> None:
    source = world.performance.take_voice("me")
    world.say("a", 2.0)
    world.run(0.6)
    source.release()
    assert world.told()[-1][3]
    assert world.performance.source is None


def test_speech_goes_on_after_the_event_loop_stood_still(world: World) -> None:
    world.say("a", 1.0)
    world.run(0.5)  # it is being heard: what is skipped is all of it
    world.now += 0.25
    world.run(2.0)
    assert [(e.utterance, e.is_end, e.interrupted) for _, e in world.events] == [
        ("a", False, False),
        ("a", True, False),
    ]
    # Beside what is skipped it fades, but not to nothing.
    heard = int((np.abs(np.concatenate(world.voice)) > 10).sum())
    skipped_ms = world.performance.media.stream.stats.skipped_voice_ms
    assert skipped_ms > 0
    assert heard + ms_to_samples(skipped_ms) == 48_000


def test_speech_has_no_hole_where_the_event_loop_stood_still_for_less(world: World) -> None:
    world.say("a", 1.0)
    world.run(0.5)
    world.now += 0.15
    world.run(2.0)
    voice = np.concatenate(world.voice)
    loud = np.flatnonzero(np.abs(voice) > 4000)
    assert len(loud) == loud[-1] - loud[0] + 1 == 48_000


def test_what_is_interrupted_as_soon_as_it_is_heard_has_begun(world: World) -> None:
    world.say("a", 2.0)
    # Its first 20 ms have just left, and no packet was spoken since.
    while not any((np.abs(chunk) > 4000).any() for chunk in world.voice):
        world.run(0.02)
    assert world.told() == []
    world.performance.hush()
    ((began, ended, _, _), (_, over, position_ms, interrupted)) = world.told()
    assert (began, ended, over, interrupted) == ("a", False, True, True)
    assert position_ms > 0


STALLS_S = [0.1, 0.17, 0.19, 0.21, 0.225, 0.249, 0.3, 1.0]


@pytest.mark.parametrize("stall_s", STALLS_S)
def test_speech_is_heard_though_the_event_loop_stood_still_before_the_first_packet(
    stall_s: float,
) -> None:
    world = World()
    world.say("a", 1.0)
    world.stand_still(stall_s)
    world.run(2.0)
    assert world.told() == [("a", False, 0, False), ("a", True, 1000, False)]


@pytest.mark.parametrize("stall_s", STALLS_S)
def test_speech_is_heard_though_the_event_loop_stood_still_as_a_publisher_left(
    world: World, stall_s: float
) -> None:
    world.performance._listening = True
    world.say("a", 1.0)
    world.run(1.0)
    # As at the end of `listen`.
    world.performance._listening = False
    world.performance.media.stream.change_source()
    world.stand_still(stall_s)
    world.run(2.0)
    assert world.told() == [("a", False, 0, False), ("a", True, 1000, False)]
