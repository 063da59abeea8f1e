"""Asks a speech server that listens on this machine, and does as each test wants."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from server.config import SpeechConfig
from server.remote_voice import RemoteVoice
from server.tts import SpeechError
from tests.server.listening import online
from tests.server.test_wav_stream import wav

Answer = Callable[[Request], Awaitable[Response]]
SAMPLES = np.arange(2000, dtype=np.int16)[:, None]


@contextlib.asynccontextmanager
async def voice(
    answer: Answer, *, timeout_s: float = 30, **config: object
) -> AsyncIterator[RemoteVoice]:
    """Yield a voice whose server answers as ``answer`` does."""
    app = Starlette(routes=[Route("/v1/audio/speech", answer, methods=["POST"])])
    async with online(app) as url:
        speech = SpeechConfig(
            url=f"{url}/v1/",
            timeout_s=timeout_s,
            **config,  # type: ignore[arg-type]
        )
        remote = RemoteVoice(speech, f"{url}/v1/")
        try:
            yield remote
        finally:
            await remote.aclose()


async def spoken(remote: RemoteVoice, wish: str | None = None) -> tuple[set[int], list[int]]:
    pieces = [piece async for piece in remote.speak("Hello.", wish)]
    return {rate for rate, _ in pieces}, np.concatenate([pcm for _, pcm in pieces]).tolist()


async def test_asks_as_openai_is_asked_and_returns_the_samples() -> None:
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        request.state.body = await request.json()
        return Response(wav(SAMPLES, 22_050), media_type="audio/wav")

    async with voice(answer, model="m", voice="v", api_key="secret") as remote:
        assert await spoken(remote) == ({22_050}, SAMPLES[:, 0].tolist())
        await spoken(remote, "other")
    assert asked[0].headers["Authorization"] == "Bearer secret"
    assert asked[0].state.body == {
        "model": "m", "input": "Hello.", "voice": "v", "response_format": "wav"
    }  # fmt: skip
    assert asked[1].state.body["voice"] == "other"


async def test_the_first_samples_are_there_before_the_last() -> None:
    rest = asyncio.Event()

    async def answer(_: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            content = wav(SAMPLES)
            yield content[:1000]
            await rest.wait()
            yield content[1000:]

        return StreamingResponse(body())

    async with voice(answer) as remote:
        speaking = remote.speak("Hello.", None)
        _, first = await anext(speaking)
        assert 0 < len(first) < len(SAMPLES)
        rest.set()
        others = [pcm async for _, pcm in speaking]
        assert len(first) + sum(map(len, others)) == len(SAMPLES)


async def fails(answer: Answer, *, timeout_s: float = 30) -> SpeechError:
    async with voice(answer, timeout_s=timeout_s) as remote:
        with pytest.raises(SpeechError) as raised:
            await spoken(remote)
    return raised.value


async def test_a_refusal_is_passed_on_in_its_words() -> None:
    async def answer(_: Request) -> Response:
        return PlainTextResponse(json.dumps({"error": "no such\nmodel"}) + "x" * 9000, 404)

    error = await fails(answer)
    assert (error.status, error.code) == (502, "speech-failed")
    assert "answered 404" in error.detail
    assert "no such" in error.detail
    assert len(error.detail) < 300


async def test_what_is_no_wav_is_told() -> None:
    async def answer(_: Request) -> Response:
        return PlainTextResponse("ID3 and an mp3 after it")

    error = await fails(answer)
    assert (error.status, error.code) == (502, "speech-failed")
    assert "WAV" in error.detail


async def test_an_empty_answer_is_told() -> None:
    async def answer(_: Request) -> Response:
        return Response(b"")

    assert "ends before its samples" in (await fails(answer)).detail


async def test_a_rate_that_is_not_spoken_is_told() -> None:
    async def answer(_: Request) -> Response:
        return Response(wav(SAMPLES, 8000))

    assert "8000 Hz, expected one of" in (await fails(answer)).detail


async def test_an_endless_sentence_is_cut_off() -> None:
    async def answer(_: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield wav(SAMPLES, 16_000)
            while True:
                yield bytes(1 << 16)
                # Who only sends never lets this loop's other end read.
                await asyncio.sleep(0)

        return StreamingResponse(body())

    assert "more than 120 s" in (await fails(answer)).detail


async def test_a_server_that_does_not_answer_in_time_is_away() -> None:
    async def answer(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(20):
        error = await fails(answer, timeout_s=1)
    assert (error.status, error.code) == (503, "speech-server-away")
    assert "within 1 s" in error.detail


async def test_an_answer_that_breaks_off_is_told() -> None:
    async def answer(_: Request) -> Response:
        return Response(wav(SAMPLES), headers={"Content-Length": "9999"})

    error = await fails(answer)
    assert (error.status, error.code) == (502, "speech-failed")


async def test_a_server_that_is_not_there_is_away() -> None:
    # Port 9 of this machine: nothing listens there.
    remote = RemoteVoice(SpeechConfig(), "http://127.0.0.1:9/v1")
    with pytest.raises(SpeechError, match="cannot be reached") as raised:
        await spoken(remote)
    await remote.aclose()
    assert raised.value.status == 503


@pytest.mark.parametrize("url", ["http://host:abc/v1", "http://[::1/v1", "http://xn--/v1"])
async def test_an_address_that_cannot_be_asked_is_told(url: str) -> None:
    remote = RemoteVoice(SpeechConfig(), url)
    with pytest.raises(SpeechError, match="no address that can be asked") as raised:
        await spoken(remote)
    await remote.aclose()
    assert (raised.value.status, raised.value.code) == (503, "speech-server-away")


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        return Response(wav(SAMPLES))

    async with voice(answer) as remote:
        await spoken(remote)
    assert "Authorization" not in asked[0].headers
