"""Two real peers: aiortc as the browser, and the whole server; only the model is a fake."""

import asyncio
from typing import Any

import numpy as np
from aiortc import RTCSessionDescription

from model.avatar import Controls
from server import messages
from tests.server.caller import Caller
from tests.server.conftest import Serve


def is_bright(colour: "np.ndarray[Any, Any]") -> bool:
    return bool(colour[1] > 120)


async def test_sound_comes_back_and_the_picture_follows_it(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until_sound(lambda rms: rms > 5000)
        await caller.until_pictures(is_bright)
        caller.speaker.loud = False
        await caller.until_sound(lambda rms: rms < 100)
        await caller.until_pictures(lambda colour: not is_bright(colour))
        stats = await caller.until_message(messages.Stats)
        assert isinstance(stats, messages.Stats)
        assert stats.num_steps == 4
        call = running.server.services.config.call
        assert stats.playout_delay_ms == call.playout_delay_ms
        assert stats.microphone_packet_ms == call.microphone_packet_ms


async def test_answer_is_a_whip_resource(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        response = await caller.post()
        assert response.status_code == 201
        assert response.headers["Content-Type"].startswith("application/sdp")
        assert response.headers["Location"].startswith("/v1/calls/")
        assert response.headers["ETag"].startswith('"')
        assert "a=ptime:10" in response.text
        video = response.text[response.text.index("m=video") :]
        assert "H264/90000" in video
        assert "VP8" not in video
        assert "profile-level-id=42e01f" in video


async def test_vp8_is_sent_to_who_has_no_h264(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        caller.video_codec = "VP8"
        await caller.connect()
        await caller.until_pictures(is_bright)


async def test_an_invalid_message_is_answered_and_the_call_goes_on(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        caller.say('{"type":"expression","name":"bored","strength":1}')
        error = await caller.until_message(messages.Error)
        assert isinstance(error, messages.Error)
        assert error.code == "invalid-message"
        assert "'neutral'" in error.message
        assert not error.fatal
        await caller.until_pictures(is_bright)


async def test_controls_change_the_picture(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        caller.say('{"type":"expression","name":"happy","strength":1}')
        await caller.until_pictures(lambda colour: colour[0] > 150)
        caller.say('{"type":"expression","name":"happy","strength":0}')
        await caller.until_pictures(lambda colour: colour[0] < 20)


async def test_the_head_moves_as_lively_as_asked(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        caller.say('{"type":"expression","name":"happy","strength":0.25}')
        caller.say('{"type":"head_motion","speed":0.75}')
        caller.say('{"type":"portrait","id":"second"}')
        # Messages are heeded in the order in which they are sent.
        await caller.until_message(messages.PortraitSelected)
        media = running.server.calls.get(caller.location.rpartition("/")[2])._media
        assert media is not None
        assert media.controls == Controls("happy", 0.25, 0.75)


async def test_paused_the_microphone_is_heard_as_silence(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until_sound(lambda rms: rms > 5000)
        caller.say('{"type":"pause","paused":true}')
        await caller.until_sound(lambda rms: rms < 100)
        await caller.until_pictures(lambda colour: not is_bright(colour))
        caller.say('{"type":"pause","paused":false}')
        await caller.until_sound(lambda rms: rms > 5000)


async def test_the_portrait_can_be_changed_during_the_call(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until_pictures(lambda colour: colour[2] < 20)
        caller.say('{"type":"portrait","id":"second"}')
        assert await caller.until_message(messages.PortraitSelected) == messages.PortraitSelected(
            id="second"
        )
        await caller.until_pictures(lambda colour: colour[2] > 180)
        caller.say('{"type":"portrait","id":"third"}')
        error = await caller.until_message(messages.Error)
        assert isinstance(error, messages.Error)
        assert error.code == "unknown-portrait"
        assert "'third'" in error.message


async def test_a_call_can_begin_with_another_portrait(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect(portrait="second")
        await caller.until_pictures(lambda colour: colour[2] > 180)


async def test_candidates_may_come_later(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        offer = await caller.offer()
        lines = offer.splitlines()
        late = [line for line in lines if line.startswith(("a=candidate", "a=end-of"))]
        first = [line for line in lines if line not in late]
        response = await running.http.post(
            "/v1/calls",
            content="\r\n".join(first) + "\r\n",
            headers={"Content-Type": "application/sdp"},
        )
        assert response.status_code == 201
        ufrag = next(line for line in lines if line.startswith("a=ice-ufrag"))
        mid = next(line for line in lines if line.startswith("a=mid"))
        patch = await running.http.patch(
            response.headers["Location"],
            content="\r\n".join([ufrag, "m=audio 9 UDP/TLS/RTP/SAVPF 0", mid, *late]),
            headers={
                "Content-Type": "application/trickle-ice-sdpfrag",
                "If-Match": response.headers["ETag"],
            },
        )
        assert patch.status_code == 204, patch.text
        await caller.peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        await caller.until_message(messages.Ready)


async def test_a_second_data_channel_is_closed(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        closed = asyncio.Event()
        other = caller.peer.createDataChannel("files")
        other.on("close", closed.set)
        async with asyncio.timeout(10):
            await closed.wait()
        await caller.until_pictures(is_bright)


async def test_two_calls_share_the_model(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as one, Caller(running.http) as other:
        await one.connect()
        await other.connect(portrait="second")
        other.speaker.loud = False
        await one.until_pictures(lambda colour: is_bright(colour) and colour[2] < 20)
        await other.until_pictures(lambda colour: not is_bright(colour) and colour[2] > 180)
        await one.until_sound(lambda rms: rms > 5000)
        await other.until_sound(lambda rms: rms < 100)
