"""The voice socket, through a real server; only the model is a fake."""

import asyncio
import contextlib
import dataclasses

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.config import CallConfig, Config, HttpConfig, LimitsConfig, PerformanceConfig
from server.keys import Scope
from server.voice_messages import MAX_SOUND_BYTES, Error, PlaybackFinished, PlaybackStarted
from tests.server.caller import Watcher
from tests.server.conftest import CONFIG, Running, Serve
from tests.server.sockets import listening, tone, voice
from tests.server.test_access import add as add_key
from tests.server.test_call import is_bright
from tests.server.test_calls import problem

START = '{"type": "start", "sample_rate": 24000}'
END = '{"type": "end"}'
CLEAR = '{"type": "clear"}'


async def test_what_is_sent_at_once_is_spoken_in_real_time(serve: Serve) -> None:
    async with serve() as running, listening(running) as address, voice(address) as client:
        await client.start()
        await client.send(tone(0.3), tone(0.3), END)
        async with Watcher(running.http, "first") as watcher:
            await watcher.connect()
            assert await client.next() == PlaybackStarted(utterance=1)
            await watcher.until_sound(lambda rms: rms > 5000)
            finished = await client.next()
            assert isinstance(finished, PlaybackFinished)
            assert not finished.interrupted
            # A packet more when all was spoken before the end came.
            assert finished.position_ms in (600, 620)
            await client.send(tone(5), tone(5), END)
            assert await client.next() == PlaybackStarted(utterance=2)
            await watcher.until_pictures(is_bright)


async def test_a_clear_is_silence_and_a_dark_picture_and_the_next_utterance_is_heard(
    serve: Serve,
) -> None:
    async with (
        serve() as running,
        listening(running) as address,
        voice(address) as client,
        Watcher(running.http, "first") as watcher,
    ):
        await client.start()
        await client.send(tone(5), END, tone(5))
        await watcher.connect()
        assert await client.next() == PlaybackStarted(utterance=1)
        await watcher.until_pictures(is_bright)
        await client.send(CLEAR)
        cut, never = await client.next(), await client.next()
        assert isinstance(cut, PlaybackFinished)
        assert cut.interrupted
        assert 0 < cut.position_ms < 5000
        assert never == PlaybackFinished(utterance=2, position_ms=0, interrupted=True)
        await watcher.until_sound(lambda rms: rms < 100)
        await watcher.until_pictures(lambda colour: not is_bright(colour))
        await client.send(END, CLEAR, tone(0.1), END)
        assert await client.next() == PlaybackStarted(utterance=3)


async def test_the_socket_is_the_voice_while_it_is_open(serve: Serve) -> None:
    async with serve() as running, listening(running) as address:
        async with voice(address) as first, voice(address) as second:
            await first.start()
            await second.send(START)
            error, code, reason = await second.refusal()
            assert (error.code, code) == ("voice-taken", 4409)
            assert error.message.startswith(reason)
            live = (await running.http.get("/v1/avatars/first/live")).json()
            assert "voice socket" in live["source"]
        async with voice(address) as third:
            await third.start()


@pytest.mark.parametrize(
    ("frames", "code", "says"),
    [
        ([b"\0\0"], 1008, "found sound, expected the message start first"),
        ([END], 1008, "found the message end, expected start first"),
        (["hello"], 1008, "not a valid message"),
        (['{"type": "start", "sample_rate": 8000}'], 1008, "16000, 24000 or 48000"),
        (['{"type": "sing"}'], 1008, "sing"),
        ([START, START], 1008, "second start"),
        ([START, b"\0\0\0"], 1008, "found 3 bytes, expected whole 16-bit samples"),
        ([START, "x" * 5000], 1008, "found a message of 5000 bytes, expected at most 4096"),
    ],
)
async def test_garbage_is_refused_and_the_socket_closed(
    serve: Serve, frames: list[str | bytes], code: int, says: str
) -> None:
    async with serve() as running, listening(running) as address, voice(address) as client:
        await client.send(*frames)
        if frames[0] == START:
            await client.next()
        error, close_code, reason = await client.refusal()
        assert says in error.message
        assert close_code == code
        assert reason
        assert not (await is_used(running))


async def is_used(running: Running) -> bool:
    if "first" not in running.server.performances._live:
        return False
    return (await running.server.performances.get("first")).source is not None


async def test_a_frame_that_is_too_large_is_not_taken_in(serve: Serve) -> None:
    async with serve() as running, listening(running) as address, voice(address) as client:
        await client.start()
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012
            await client.send(bytes(MAX_SOUND_BYTES + 2))
            await client.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_a_flood_is_refused_and_little_is_kept_of_it(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, performance=PerformanceConfig(max_speech_s=2))
    async with serve(config) as running, listening(running) as address, voice(address) as client:
        await client.start()
        await client.send(tone(1.5))
        await client.send(tone(1.5))
        error, code, _ = await client.refusal()
        assert (error.code, code) == ("too-much-speech", 1008)
        assert "expected at most 2000" in error.message


async def test_many_small_utterances_are_a_flood_too(serve: Serve) -> None:
    async with serve() as running, listening(running) as address, voice(address) as client:
        await client.start()
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012
            for _ in range(400):
                await client.send(b"\0\0", END)
            while True:
                await client.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_keys_count_as_for_requests(serve: Serve) -> None:
    proxied = {"X-Forwarded-For": "203.0.113.5"}
    async with serve() as running, listening(running) as address:
        async with voice(address, additional_headers=proxied) as client:
            await client.send(START)
            assert (await client.refusal())[1] == 4403
        publish = add_key(running, Scope.PUBLISH)
        view = add_key(running, Scope.VIEW)
        async with voice(address, additional_headers=proxied) as client:
            await client.start(key=publish)
        bearer = {**proxied, "Authorization": f"Bearer {publish}"}
        async with voice(address, additional_headers=bearer) as client:
            await client.start()
        for key, expected in ((None, 4401), ("lk_no_key", 4401), (view, 4403)):
            async with voice(address, additional_headers=proxied) as client:
                with_key = "" if key is None else f', "key": "{key}"'
                await client.send(START[:-1] + with_key + "}")
                error, code, _ = await client.refusal()
                assert code == expected
                assert error.message


async def test_pages_of_other_sites_are_kept_out(serve: Serve) -> None:
    config = Config(
        video=CONFIG.video, http=HttpConfig(allowed_origins=("https://app.example.org",))
    )
    async with serve(config) as running, listening(running) as address:
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
            with pytest.raises(InvalidStatus) as refused:
                async with voice(address, origin=origin):
                    pass
            assert refused.value.response.status_code == 403
        for origin in (f"http://{address}", "https://app.example.org"):
            async with voice(address, origin=origin) as client:
                await client.start()
        with pytest.raises(InvalidStatus) as misdirected:
            async with voice(f"evil.example:{address.partition(':')[2]}", host="127.0.0.1"):
                pass
        assert misdirected.value.response.status_code == 421


async def test_who_comes_too_often_or_for_nobody_or_to_a_full_house(serve: Serve) -> None:
    config = dataclasses.replace(
        CONFIG,
        call=CallConfig(max_sessions=1),
        limits=LimitsConfig(calls_per_minute=0.001, calls_burst=3),
    )
    async with serve(config) as running, listening(running) as address:
        codes = []
        async with voice(address) as first:
            await first.start()
            for name in ("nobody", "second", "first"):
                async with voice(address, name) as client:
                    with contextlib.suppress(ConnectionClosed):
                        await client.send(START)
                    error, code, _ = await client.refusal()
                    codes.append((error.code, code))
        assert codes == [
            ("unknown-avatar", 4404),
            ("server-full", 1013),
            ("too-many-requests", 4429),
        ]


async def test_a_socket_that_says_nothing_is_closed(serve: Serve) -> None:
    config = dataclasses.replace(CONFIG, call=CallConfig(idle_timeout_s=1))
    async with serve(config) as running, listening(running) as address, voice(address) as client:
        await client.start()
        error, code, _ = await client.refusal()
        assert (error.code, code) == ("idle", 4408)


async def test_who_does_not_read_what_it_is_told_is_asked_to_come_back(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.voice_socket._MAX_ANSWERS", 1)
    async with serve() as running, listening(running) as address, voice(address) as client:
        await client.start()
        # All are told to have ended in one go.
        for _ in range(4):
            await client.send(tone(1), END)
        await client.send(CLEAR)
        while not isinstance(told := await client.next(), Error):
            pass
        async with asyncio.timeout(20):
            await client.socket.wait_closed()
        assert (told.code, client.socket.close_code) == ("not-read", 1013)
        assert not (await is_used(running))


async def test_it_ends_with_the_performance(serve: Serve) -> None:
    async with serve() as running, listening(running) as address, voice(address) as client:
        await client.start()
        await client.send(tone(1))
        assert await client.next() == PlaybackStarted(utterance=1)
        await running.http.delete("/v1/avatars/first/live")
        last = await client.next()
        if isinstance(last, PlaybackFinished):
            assert last.interrupted
        async with asyncio.timeout(20):
            await client.socket.wait_closed()
        assert client.socket.close_code == 1001


async def test_a_plain_request_is_told_to_be_a_socket(serve: Serve) -> None:
    async with (
        serve() as running,
        listening(running) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as http,
    ):
        response = await http.get("/v1/avatars/first/audio")
        assert "expected a WebSocket" in problem(response, 426, "upgrade-required")
        assert response.headers["Upgrade"] == "websocket"
        assert response.headers["Connection"].lower() == "upgrade"
        # It is a socket all the same, and the connection can be used again.
        assert (await http.get("/healthz")).status_code == 200
        async with voice(address) as client:
            await client.start()
