"""Voices that fail while an avatar is given something to say; model and voice are fakes."""

from http import HTTPStatus

import pytest

from server.tts import SpeechError
from tests.server.conftest import Serve
from tests.server.saying import listened, queue, say
from tests.server.test_calls import problem

AWAY = SpeechError(HTTPStatus.SERVICE_UNAVAILABLE, "speech-server-away", "it is away")
FAILED = SpeechError(HTTPStatus.BAD_GATEWAY, "speech-failed", "it fails")


@pytest.mark.parametrize("error", [AWAY, FAILED])
async def test_a_voice_that_fails_at_first_refuses_the_text(
    serve: Serve, error: SpeechError
) -> None:
    async with serve() as running:
        running.voice.failures["One."] = error
        assert problem(await say(running, "One. Two."), error.status, error.code) == error.detail
        assert [text for text, _ in running.voice.asked] == ["One."]
        assert await queue(running) == []
        assert (await say(running, "Three.")).status_code == 202


async def test_a_voice_that_fails_later_tells_it_and_gives_up_that_text_only(serve: Serve) -> None:
    async with listened(serve) as at:
        at.running.voice.failures["Two."] = FAILED
        first = (await say(at.running, "One. Two. Three.")).json()["sentences"]
        await say(at.running, "Four.")
        await at.events.until("ended", 2)
        failed = at.events.of("failed")
        assert [f["id"] for f in failed] == [s["id"] for s in first[1:]]
        assert failed[0]["code"] == "speech-failed"
        assert failed[0]["detail"] == "it fails"
        assert [s["text"] for s in at.events.of("started")] == ["One.", "Four."]


async def test_a_voice_that_breaks_off_is_heard_so_far(serve: Serve) -> None:
    async with listened(serve) as at:
        at.running.voice.failures["One."] = FAILED
        at.running.voice.breaking.add("One.")
        await say(at.running, "One. Two.")
        await at.events.until("ended")
        assert at.events.of("ended")[0]["position_ms"] >= 150
        assert len(at.events.of("failed")) == 2


async def test_a_voice_that_breaks_down_refuses_the_text(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as running:
        with monkeypatch.context() as broken:
            broken.setattr(running.voice, "tone_ms", None)
            problem(await say(running, "One. Two."), 502, "speech-failed")
        assert await queue(running) == []
        assert (await say(running, "Three.")).status_code == 202
    assert "a presenter failed" in caplog.text
