"""An avatar sent on to a WHIP server: connected, refused, lost, come back."""

import asyncio
import dataclasses
import logging
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.responses import Response

from server.config import Config
from server.keys import Scope
from server.outgoing_config import PublishConfig, PushConfig
from server.push import Push, PushState
from tests.server.caller import Broadcaster
from tests.server.conftest import CONFIG, Running, Serve
from tests.server.max_bundle import bundle_only
from tests.server.test_calls import problem
from tests.server.test_whip import sections, streams
from tests.server.whip_receiver import TOKEN, Receiver

PUBLISH = "/v1/avatars/first/publish"
QUICK = dataclasses.replace(CONFIG, push=PushConfig(first_retry_s=0.1, max_retry_s=0.2))


async def put(running: Running, url: str, token: str | None = TOKEN) -> dict[str, Any]:
    response = await running.http.put(PUBLISH, json={"url": url, "token": token})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def state(running: Running) -> dict[str, Any]:
    return dict((await running.http.get(PUBLISH)).json())


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when a push is refused."""
    event = asyncio.Event()
    become = Push._become

    def watched(push: Push, to: PushState, reason: str | None) -> None:
        become(push, to, reason)
        if to is PushState.FAILED:
            asyncio.get_running_loop().call_soon(event.set)

    monkeypatch.setattr(Push, "_become", watched)
    return event


@pytest.mark.parametrize("codec", [None, "VP8"])
async def test_picture_and_voice_arrive(serve: Serve, codec: str | None) -> None:
    receiver = Receiver()
    receiver.video_codec = codec
    receiver.names_ice = codec is None
    async with serve(QUICK) as running, receiver.running():
        await put(running, receiver.url)
        await receiver.until("bright", 5)
        assert (await state(running))["state"] == "connected"
        named = running.server.pushes.get("first")._ice_servers
        assert [server.url for server in named] == ["stun:127.0.0.1:9"] * receiver.names_ice
        metrics = (await running.http.get("/metrics")).text
        assert "likeness_pushes_connected 1.0" in metrics
        async with Broadcaster(running.http, "first") as publisher:
            await publisher.connect()
            await receiver.until("sounds", 60)
            assert max(receiver.sounds) > 5000
            await receiver.until("bright", 30)
            assert max(receiver.bright) > 120
        assert (await running.http.delete(PUBLISH)).status_code == 204
        assert receiver.ended == ['"one"']
        problem(await running.http.get(PUBLISH), 404, "not-published")


async def test_the_offer_is_as_whip_clients_must_have_it(serve: Serve) -> None:
    """RFC 9725 sections 4.2, 4.4.1, 4.4.2 and 4.4.4."""
    receiver = Receiver()
    async with serve(QUICK) as running, receiver.running():
        await put(running, receiver.url)
        await receiver.until("bright", 1)
        (offer,) = receiver.offers
        found = sections(offer)
        assert [section.split()[0] for section in found] == ["m=audio", "m=video"]
        for section in found:
            for line in ("sendonly", "rtcp-mux", "rtcp-mux-only", "setup:actpass"):
                assert section.count(f"a={line}\r\n") == 1
        assert streams(offer) == 1
        mids = re.findall(r"a=mid:(\S+)", offer)
        assert f"a=group:BUNDLE {' '.join(mids)}\r\n" in offer
        assert len(set(re.findall(r"a=ice-ufrag:(\S+)", offer))) == 1
        assert "ice-lite" not in offer


@pytest.mark.parametrize("mark", ["a=bundle-only", ""])
async def test_an_answer_may_tell_its_transport_once(serve: Serve, mark: str) -> None:
    """As that of RFC 9725's example, with port 0, and as RFC 9143 section 7.3 has it, with one."""

    def once(answer: str) -> str:
        told = bundle_only(answer, mark)
        return told if mark else told.replace("m=video 0", "m=video 9")

    receiver = Receiver()
    receiver.change_answer = once
    async with serve(QUICK) as running, receiver.running():
        await put(running, receiver.url)
        await receiver.until("bright", 3)


async def test_a_server_that_wants_no_picture_is_not_hammered(
    serve: Serve, failed: asyncio.Event
) -> None:
    receiver = Receiver()
    receiver.change_answer = lambda answer: bundle_only(answer, "a=inactive")
    async with serve(QUICK) as running, receiver.running():
        await put(running, receiver.url)
        async with asyncio.timeout(20):
            await failed.wait()
        found = await state(running)
        assert "the answer rejects video, expected both to be received" in found["reason"]
        assert found["attempts"] == 1
        assert found["retry_in_s"] > 200
        # The session that it made is ended.
        assert receiver.ended == ['"one"']


async def test_it_is_sent_from_the_start_where_that_is_configured(serve: Serve) -> None:
    receiver = Receiver()
    target = PublishConfig(url=receiver.url, token=TOKEN)
    async with receiver.running():
        async with serve(dataclasses.replace(QUICK, publish=(target,))) as running:
            await receiver.until("bright", 3)
            assert (await state(running))["avatar"] == "first"
        assert receiver.ended == ['"one"']


async def test_redirects_are_followed_and_what_is_replaced_is_ended(serve: Serve) -> None:
    old, new = Receiver(), Receiver()
    async with serve(QUICK) as running, old.running(), new.running():
        await put(running, old.moved_url)
        await old.until("bright", 3)
        assert old.requests == ["OPTIONS", "POST", "POST"]
        assert set(old.authorizations) == {f"Bearer {TOKEN}"}
        await put(running, new.url)
        assert old.ended == ['"one"']
        await new.until("bright", 3)
        assert new.ended == []


async def test_a_token_goes_to_no_other_server(serve: Serve) -> None:
    first, other = Receiver(), Receiver()
    first.answer_with = Response(status_code=307, headers={"Location": other.url})
    async with serve(QUICK) as running, first.running(), other.running():
        await put(running, first.url)
        await other.until("requests", 1)
        assert other.authorizations == [None]
        assert first.authorizations[-1] == f"Bearer {TOKEN}"


async def test_it_comes_back_when_the_server_does(serve: Serve) -> None:
    receiver = Receiver()
    async with serve(QUICK) as running:
        await put(running, receiver.url)
        async with receiver.running():
            await receiver.until("bright", 3)
        async with receiver.running():
            await receiver.until("bright", 3)
            found = await state(running)
            assert found["state"] == "connected"
            assert found["attempts"] >= 2
            metrics = (await running.http.get("/metrics")).text
            assert "likeness_push_failures_total 0.0" not in metrics


@pytest.mark.parametrize(
    ("status", "says"), [(401, "check the token"), (404, "check the address"), (403, "403")]
)
async def test_a_refusal_is_told_and_not_hammered(
    serve: Serve,
    status: int,
    says: str,
    caplog: pytest.LogCaptureFixture,
    failed: asyncio.Event,
) -> None:
    receiver = Receiver()
    receiver.answer_with = Response(status_code=status)
    caplog.set_level(logging.DEBUG, "server")
    async with serve(QUICK) as running, receiver.running():
        await put(running, receiver.url)
        await receiver.until("requests", 2)
        async with asyncio.timeout(10):
            await failed.wait()
        found = await state(running)
        assert found["state"] == "failed"
        assert says in found["reason"]
        assert found["attempts"] == 1
        assert found["retry_in_s"] > 200
        assert receiver.requests == ["OPTIONS", "POST"]
    assert TOKEN not in caplog.text
    assert "studio" not in caplog.text


async def test_after_so_many_attempts_it_gives_up_if_told_to(serve: Serve) -> None:
    push = PushConfig(first_retry_s=0.1, max_retry_s=0.1, max_attempts=2)
    receiver = Receiver()  # it does not run
    async with serve(dataclasses.replace(QUICK, push=push)) as running:
        await put(running, receiver.url)
        _, task = running.server.pushes._running["first"]
        async with asyncio.timeout(20):
            await task
        found = await state(running)
        assert found["state"] == "failed"
        assert "cannot be reached" in found["reason"]
        assert found["attempts"] == 2
        assert found["retry_in_s"] is None


async def test_only_admins_may_send_it_elsewhere(serve: Serve) -> None:
    async with serve(QUICK) as running:
        secret = running.keys.add("one", frozenset({Scope.PUBLISH}), datetime.now(UTC), None)
        async with running.client("192.0.2.7", secret) as client:
            body = {"url": "http://127.0.0.1:1/whip"}
            problem(await client.put(PUBLISH, json=body), 403, "insufficient-scope")
            problem(await client.get(PUBLISH), 403, "insufficient-scope")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://a/b",
        "http://",
        "/whip",
        "https://me:secret@host/whip",
        "http://a b",
        "http://host:abc/whip",
        "http://[::1/whip",
    ],
)
async def test_only_http_addresses_are_taken(serve: Serve, url: str) -> None:
    async with serve(QUICK) as running:
        response = await running.http.put(PUBLISH, json={"url": url, "token": "t"})
        assert "http(s)://host" in problem(response, 422, "unusable-target")
        assert "secret" not in response.text
        response = await running.http.put("/v1/avatars/nobody/publish", json={"url": "http://a/"})
        problem(response, 404, "unknown-avatar")


def test_one_avatar_goes_to_one_server() -> None:
    target = PublishConfig(url="http://a/", avatar="first", token="t0ken")
    assert "t0ken" not in repr(target)
    with pytest.raises(ValidationError, match="two for one"):
        Config(publish=(target, target))


async def test_of_two_that_come_while_one_ends_the_last_stays(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, begun = asyncio.Event(), list[Push]()
    beginning = asyncio.Queue[Push]()

    async def run(push: Push) -> None:
        begun.append(push)
        beginning.put_nowait(push)
        try:
            await asyncio.Event().wait()
        finally:
            await slow.wait()
            begun.remove(push)

    monkeypatch.setattr(Push, "run", run)
    async with serve(QUICK) as running:
        await put(running, "http://first.example/")
        await beginning.get()
        puts = [
            asyncio.create_task(put(running, f"http://{name}.example/"))
            for name in ("second", "third")
        ]
        # One of them finds nothing to end.
        await beginning.get()
        slow.set()
        await asyncio.gather(*puts)
        left = await beginning.get()
        assert begun == [left]
        assert (await state(running))["url"] == left.url
        assert (await running.http.delete(PUBLISH)).status_code == 204
        assert begun == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content": b"x" * 5000, "headers": {"Content-Type": "application/json"}}, 413),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ({"json": {"token": "secret"}}, 422),
        ({"content": b"url=x", "headers": {"Content-Type": "text/plain"}}, 415),
    ],
)
async def test_what_is_no_target(serve: Serve, sent: dict[str, Any], status: int) -> None:
    async with serve(QUICK) as running:
        response = await running.http.put(PUBLISH, **sent)
        assert response.status_code == status
        assert "secret" not in response.text
