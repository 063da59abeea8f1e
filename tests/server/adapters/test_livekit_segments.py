"""The agent's position is of the sound that was given, whatever silence comes with it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from server.adapters.livekit_segments import Segments

PACKET = 960
RATE = 48_000


def silence(samples: int) -> NDArray[np.int16]:
    """What Opus makes of it: not all of it is 0."""
    return np.resize(np.array([0, 3, -3], np.int16), samples)


def loud(samples: int, first: int = 1000) -> NDArray[np.int16]:
    """Numbered, so that a test sees which samples were handed on."""
    return (first + np.arange(samples) % 20_000).astype(np.int16)


class Agent:
    """Gives sound, and has what comes of it: packets are heard one by one."""

    def __init__(self) -> None:
        self.segments = Segments()
        self.heard: list[NDArray[np.int16]] = []
        self.ends: list[int] = []
        self.now = 0.0

    def hear(self, pcm: NDArray[np.int16]) -> None:
        for packet in np.split(pcm, range(PACKET, len(pcm), PACKET)):
            self.now += PACKET / RATE
            own, rest = self.segments.hear(packet)
            while len(own):
                self.heard.append(own)
                if not self.segments.take_end(self.now):
                    break
                self.ends.append(self.samples)
                own, rest = self.segments.hear(rest)
            while self.segments.take_end(self.now):
                self.ends.append(self.samples)

    @property
    def samples(self) -> int:
        return sum(len(pcm) for pcm in self.heard)

    @property
    def sound(self) -> NDArray[np.int16]:
        return np.concatenate(self.heard)


@pytest.mark.parametrize("given", [96_000, 96_001, 500])
@pytest.mark.parametrize("offset", [0, 7, 900])
def test_silence_before_and_after_is_not_counted(given: int, offset: int) -> None:
    agent = Agent()
    agent.segments.give(given)
    agent.segments.complete()
    agent.segments.start(1)
    agent.hear(silence(7 * PACKET))
    agent.segments.finish(1, agent.now)
    agent.hear(np.concatenate([silence(offset), loud(given), silence(10 * PACKET)]))
    assert agent.ends == [given]
    assert agent.samples == given
    # All of it, but for an onset's 2.5 ms.
    own = agent.sound[np.abs(agent.sound) > 900]
    assert np.array_equal(own, loud(given)[: len(own)])
    assert given - len(own) <= 120


def test_an_onset_is_not_cut() -> None:
    agent = Agent()
    agent.segments.give(RATE)
    agent.segments.start(1)
    agent.hear(np.concatenate([silence(500), loud(RATE)]))
    assert np.array_equal(agent.sound[:120], silence(500)[380:])


def test_what_comes_before_the_server_tells_the_beginning_is_not_it() -> None:
    agent = Agent()
    agent.segments.give(RATE)
    agent.hear(loud(3 * PACKET))
    assert agent.heard == []
    agent.segments.start(1)
    agent.hear(loud(PACKET))
    assert agent.samples == PACKET


def test_its_own_silence_is_made_up_for_at_its_end() -> None:
    agent = Agent()
    agent.segments.give(RATE)
    agent.segments.complete()
    agent.segments.start(1)
    agent.segments.finish(1, agent.now + 1.0)
    agent.hear(np.concatenate([silence(RATE // 4), loud(3 * RATE // 4)]))
    assert agent.ends == []
    agent.hear(silence(RATE))
    assert agent.ends == [RATE]


def test_an_utterance_of_silence_is_one() -> None:
    agent = Agent()
    agent.segments.give(3 * RATE)
    agent.segments.complete()
    agent.segments.start(1)
    agent.hear(silence(5 * RATE))
    assert agent.ends == [3 * RATE]


def test_within_an_utterance_silence_is_a_part_of_it() -> None:
    agent = Agent()
    agent.segments.give(3 * RATE)
    agent.segments.start(1)
    agent.hear(np.concatenate([loud(PACKET), silence(RATE), loud(PACKET)]))
    assert agent.samples == RATE + 2 * PACKET


def test_a_gap_in_what_is_given_is_not_counted() -> None:
    agent = Agent()
    agent.segments.give(10 * PACKET)
    agent.segments.start(1)
    agent.hear(np.concatenate([silence(45 * PACKET), loud(10 * PACKET), silence(3 * RATE)]))
    assert agent.samples == 10 * PACKET
    agent.segments.give(10 * PACKET)
    agent.segments.complete()
    # The server's playout delay.
    agent.hear(silence(25 * PACKET))
    assert agent.samples == 10 * PACKET
    agent.hear(np.concatenate([loud(10 * PACKET), silence(5 * PACKET)]))
    assert agent.ends == [20 * PACKET]
    assert np.abs(agent.sound).min() >= 1000


def test_one_that_follows_at_once_loses_nothing_and_has_its_own_end() -> None:
    agent = Agent()
    for _ in range(2):
        agent.segments.give(10 * PACKET + 100)
        agent.segments.complete()
    agent.segments.start(1)
    agent.hear(silence(2 * PACKET))
    agent.segments.finish(1, agent.now)
    agent.segments.start(2)
    # The first begins with its own silence: its end is in the midst of a packet of the second.
    agent.hear(np.concatenate([silence(500), loud(9 * PACKET + 560), loud(10 * PACKET + 100)]))
    agent.segments.finish(2, agent.now)
    agent.hear(silence(5 * PACKET))
    assert agent.ends == [10 * PACKET + 100, 20 * PACKET + 200]
    whole = np.concatenate([loud(9 * PACKET + 560), loud(10 * PACKET + 100)])
    found = agent.sound[np.abs(agent.sound) > 900]
    assert np.array_equal(found, whole)


def test_sound_that_is_lost_is_not_waited_for() -> None:
    agent = Agent()
    agent.segments.give(RATE)
    agent.segments.complete()
    agent.segments.start(1)
    agent.hear(loud(RATE // 2))
    agent.segments.finish(1, agent.now)
    # No sound comes any more: pictures do.
    assert not agent.segments.take_end(agent.now + 0.9)
    assert agent.segments.take_end(agent.now + 1.1)
    assert not agent.segments.take_end(agent.now + 1.2)


def test_one_that_others_cut_off_ends_there_and_the_next_is_another() -> None:
    agent = Agent()
    agent.segments.give(RATE)
    agent.segments.start(1)
    agent.hear(loud(10 * PACKET))
    agent.segments.cut(1, agent.now)
    assert agent.segments.take_end(agent.now)
    agent.segments.give(PACKET)
    agent.segments.start(2)
    agent.hear(silence(2 * PACKET))
    assert agent.samples == 10 * PACKET


def test_what_was_cleared_has_no_end_and_the_next_has_its_number() -> None:
    agent = Agent()
    agent.segments.give(RATE)
    agent.segments.start(1)
    agent.hear(loud(10 * PACKET))
    agent.segments.clear()
    agent.segments.give(PACKET)
    agent.segments.complete()
    # What the server told before it knew.
    agent.segments.finish(1, agent.now)
    agent.hear(loud(5 * PACKET))
    assert agent.ends == []
    agent.segments.start(2)
    agent.hear(np.concatenate([silence(PACKET), loud(PACKET)]))
    assert agent.ends == [11 * PACKET]


def test_what_begins_right_after_a_clear_is_waited_for() -> None:
    agent = Agent()
    agent.segments.give(RATE)
    agent.segments.start(1)
    agent.hear(loud(10 * PACKET))
    agent.segments.clear()
    agent.segments.give(RATE)
    agent.segments.start(2)
    agent.hear(silence(10 * PACKET))
    assert agent.samples == 10 * PACKET


def test_one_that_is_cut_off_before_it_is_heard_ends() -> None:
    agent = Agent()
    agent.segments.give(RATE)
    agent.segments.cut(1, agent.now)
    assert agent.segments.take_end(agent.now)


def test_nothing_given_is_no_utterance() -> None:
    agent = Agent()
    agent.segments.give(0)
    agent.segments.complete()
    agent.hear(loud(PACKET))
    assert (agent.heard, agent.ends) == ([], [])
