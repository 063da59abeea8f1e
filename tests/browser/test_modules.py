"""The page's modules one by one, each imported into an otherwise idle page."""

from typing import Any

import pytest
from playwright.sync_api import Page

from server.lifecycle import Ending

pytestmark = pytest.mark.browser


def run(page: Page, body: str, argument: Any = None) -> Any:
    """Run `body` in the page, where `load(name)` imports a module."""
    return page.evaluate(
        f"async (argument) => {{ const load = (name) => import(`/${{name}}.js`); {body} }}",
        argument,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "JSON"),
        ('{"type":"toString"}', 'type "toString"'),
        ('{"type":"ended"}', "reason = undefined"),
        ('{"type":"error","code":"x","message":"y","fatal":1}', "fatal = 1, expected a boolean"),
        ("null", "type undefined"),
    ],
)
def test_decode_refuses_what_is_no_message(idle_page: Page, text: str, complaint: str) -> None:
    said = run(
        idle_page,
        "const { decode } = await load('messages');"
        "try { decode(argument); return 'accepted' } catch (error) { return error.message }",
        text,
    )
    assert complaint in said


def test_decode_returns_a_message(idle_page: Page) -> None:
    body = "return (await load('messages')).decode(argument)"
    assert run(idle_page, body, '{"type":"ended","reason":"bye"}') == {
        "type": "ended",
        "reason": "bye",
    }


def test_backoff_doubles_to_its_cap_and_starts_over(idle_page: Page) -> None:
    waits_ms = run(
        idle_page,
        """const { Backoff } = await load('backoff');
           const backoff = new Backoff({ first_ms: 100, most_ms: 1000, random: () => 1 });
           const waits = [1, 2, 3, 4, 5, 6].map(() => backoff.next_ms());
           backoff.reset();
           return [...waits, backoff.next_ms()]""",
    )
    assert waits_ms == [100, 200, 400, 800, 1000, 1000, 100]


def test_backoff_never_waits_less_than_half(idle_page: Page) -> None:
    wait_ms = run(
        idle_page,
        "const { Backoff } = await load('backoff');"
        "return new Backoff({ first_ms: 100, random: () => 0 }).next_ms()",
    )
    assert wait_ms == 50


@pytest.mark.parametrize(
    ("ending", "kind", "retries"),
    [
        (Ending.HUNG_UP, "call-ended", False),
        (Ending.IDLE, "call-idle", False),
        (Ending.CLIENT_GONE, "connection-lost", True),
        (Ending.CONNECT_TIMEOUT, "connection-lost", True),
        (Ending.SERVER_SHUTDOWN, "server-stopped", True),
        (Ending.INFERENCE_FAILED, "server-failed", False),
        (Ending.INTERNAL_ERROR, "server-failed", False),
    ],
)
def test_every_ending_has_its_words(
    idle_page: Page, ending: Ending, kind: str, *, retries: bool
) -> None:
    found = run(
        idle_page,
        """const { endedError } = await load('call');
           const { describe } = await load('words');
           const error = endedError(argument);
           return [error.kind, error.retry, describe(error).text.length > 0]""",
        ending.value,
    )
    assert found == [kind, retries, True]


def test_figures_are_taken_over_the_last_second(idle_page: Page) -> None:
    def stats(at_s: float, frames: int, delay_s: float, emitted: int) -> dict[str, Any]:
        audio = {
            "timestamp": 1000 * at_s,
            "jitterBufferDelay": delay_s,
            "jitterBufferEmittedCount": emitted,
            "estimatedPlayoutTimestamp": 5000 + 1000 * at_s,
        }
        video = {
            "timestamp": 1000 * at_s,
            "framesDecoded": frames,
            "estimatedPlayoutTimestamp": 4990 + 1000 * at_s,
        }
        return {"audio": audio, "video": video, "pair": {"currentRoundTripTime": 0.02}}

    found = run(
        idle_page,
        "const { figures } = await load('stats'); return figures(...argument)",
        [
            stats(2.0, 60, 3840.0, 96_000),
            stats(1.0, 35, 1920.0, 48_000),
            {"playout_delay_ms": 200, "microphone_packet_ms": 10, "repeated_frames": 3},
        ],
    )
    assert found["fps"] == pytest.approx(25)
    assert found["skew_ms"] == pytest.approx(10)
    assert found["repeated_frames"] == 3
    # network 20 + packet 10 + playout 200 + the jitter buffer's 40
    assert found["latency_ms"] == pytest.approx(270)


def test_figures_that_come_after_the_call_are_not_shown(idle_page: Page) -> None:
    shown = run(
        idle_page,
        """const { StatsMonitor } = await load('stats');
           const real = setInterval;
           let measure;
           window.setInterval = (run) => { measure = run; };
           let shown = 0;
           const reports = [];
           const getStats = () => new Promise((resolve) => reports.push(resolve));
           const stats = new StatsMonitor(getStats, () => { shown += 1; });
           const answer = async (index) => {
             reports[index](new Map());
             await new Promise((resolve) => setTimeout(resolve));
             return shown;
           };
           stats.start();
           measure();
           const found = [await answer(0)];
           measure();
           stats.stop();
           found.push(await answer(1));
           stats.start();
           measure();
           stats.start();
           found.push(await answer(2));
           window.setInterval = real;
           stats.stop();
           return found""",
    )
    assert shown == [1, 1, 1]


def test_figures_that_no_one_measured_are_not_invented(idle_page: Page) -> None:
    found = run(idle_page, "const { figures } = await load('stats'); return figures({}, {}, null)")
    assert set(found.values()) == {None}


def test_the_network_is_measured_on_the_pair_that_is_used(idle_page: Page) -> None:
    """Firefox nominates others, too."""
    pair = {"type": "candidate-pair", "nominated": True, "state": "succeeded"}
    reports = [
        [{**pair, "id": "a", "selected": True}, {**pair, "id": "b", "selected": False}],
        [{**pair, "id": "c"}, {**pair, "id": "d", "nominated": False}],
        [{**pair, "id": "e", "state": "failed"}],
    ]
    body = """const { pickStats } = await load('stats');
              return argument.map((report) => pickStats(report).pair?.id ?? null)"""
    assert run(idle_page, body, reports) == ["a", "c", None]


def test_the_strength_of_no_expression_cannot_be_set(idle_page: Page) -> None:
    """Not even where a browser remembers that it could, before a reload."""
    body = """const { Controls } = await load('controls');
              const range = () => Object.assign(document.createElement('input'), { type: 'range' });
              const [faces, strength] = [document.createElement('div'), range()];
              new Controls({ faces, strength, headSpeed: range() }, () => undefined);
              return strength.disabled"""
    assert run(idle_page, body)


def test_control_messages_wait_for_the_channel_and_only_the_newest_of_a_kind(
    idle_page: Page,
) -> None:
    sent = run(
        idle_page,
        """const { ControlChannel } = await load('control_channel');
           const channel = Object.assign(new EventTarget(), { readyState: 'connecting', sent: [] });
           channel.send = (text) => channel.sent.push(JSON.parse(text));
           const control = new ControlChannel(channel, { onMessage() {}, onClose() {} });
           control.send({ type: 'head_motion', speed: 0.1 });
           control.send({ type: 'head_motion', speed: 0.9 });
           control.send({ type: 'pause', paused: true });
           channel.readyState = 'open';
           channel.dispatchEvent(new Event('open'));
           control.send({ type: 'record', active: true });
           return channel.sent""",
    )
    assert sent == [
        {"type": "head_motion", "speed": 0.9},
        {"type": "pause", "paused": True},
        {"type": "record", "active": True},
    ]
