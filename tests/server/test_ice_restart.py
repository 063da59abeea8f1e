"""A connection goes on over other addresses (RFC 9725 section 4.3.3), media and all."""

import asyncio
from typing import Any

import aioice
import httpx
import pytest

from server import ice_restart, trickle
from server.config import CallConfig
from server.problems import Problem
from server.whip_resource import Resources
from tests.server.caller import Broadcaster, Caller, RemotePeer, Watcher
from tests.server.conftest import Running, Serve, with_calls
from tests.server.test_calls import FRAGMENT, problem

ANEW = "a=ice-ufrag:anew\r\na=ice-pwd:0123456789012345678901\r\n"
# The port of "discard": nobody answers.
NOWHERE = (
    "a=mid:0\r\na=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
)


def agent(running: Running, peer: RemotePeer) -> aioice.Connection:
    """The server's ICE agent of a connection."""
    server = running.server
    kinds: dict[type[RemotePeer], Resources] = {
        Caller: server.calls,
        Broadcaster: server.publishers,
        Watcher: server.viewers,
    }
    resources = next(found for kind, found in kinds.items() if isinstance(peer, kind))
    connection = resources.peer(peer.location.rpartition("/")[2]).connection
    dtls = connection.getTransceivers()[0].receiver.transport
    return dtls.transport._connection


async def until_settled() -> None:
    """Wait until every restart has succeeded or failed, by the tasks that run them."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == ice_restart.TASK_NAME]
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=20)
        assert not left


async def patch(peer: RemotePeer, content: str, if_match: str) -> httpx.Response:
    """PATCH what ``peer`` is connected to."""
    headers = FRAGMENT | {"If-Match": if_match}
    return await peer.http.patch(peer.location, content=content, headers=headers)


async def restart(running: Running, peer: RemotePeer) -> None:
    """Restart ICE of ``peer``, and see that both ends have moved."""
    first = agent(running, peer)
    response = await peer.restart_ice()
    await until_settled()
    second, found = agent(running, peer), trickle.parse(response.content)
    assert second is not first
    assert (second.local_username, second.local_password) == (found.ice_ufrag, found.ice_pwd)
    assert second.ice_controlling is first.ice_controlling
    assert first.local_candidates == []  # it is closed
    assert peer.peer.connectionState == "connected"


async def test_media_of_publisher_and_viewer_go_on(serve: Serve) -> None:
    async with (
        serve() as running,
        Broadcaster(running.http, "first") as publisher,
        Watcher(running.http, "first") as watcher,
    ):
        await publisher.connect()
        await watcher.connect()
        await watcher.until_sound(lambda rms: rms > 5000)
        for peer in (publisher, watcher, publisher):
            await restart(running, peer)
        publisher.speaker.loud = False
        await watcher.until_sound(lambda rms: rms < 100)
        publisher.speaker.loud = True
        await watcher.until_sound(lambda rms: rms > 5000)
        await watcher.until_pictures(lambda _: True)


async def test_media_and_messages_of_a_call_go_on(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await restart(running, caller)
        caller.speaker.loud = False
        await caller.until_sound(lambda rms: rms < 100)
        caller.speaker.loud = True
        await caller.until_sound(lambda rms: rms > 5000)
        caller.say('{"type": "portrait", "id": "second"}')
        await caller.until_pictures(lambda colour: colour[2] > 150)


async def test_the_new_session_has_another_entity_tag(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        assert caller.response is not None
        first = caller.response.headers["ETag"]
        response = await patch(caller, ANEW, "*")
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith(trickle.MEDIA_TYPE)
        problem(await patch(caller, NOWHERE, first), 412, "other-ice-session")
        later = ANEW + NOWHERE
        assert (await patch(caller, later, response.headers["ETag"])).status_code == 204


async def test_where_it_fails_the_connection_stays_as_it_was(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.stun.RETRY_MAX", 1)
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        first = agent(running, caller)
        assert (await patch(caller, ANEW + NOWHERE, "*")).status_code == 200
        await until_settled()
        assert agent(running, caller) is first
        caller.speaker.loud = False
        await caller.until_sound(lambda rms: rms < 100)
        await restart(running, caller)


async def test_a_later_restart_takes_the_place_of_one_under_way(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        # No end of candidates: it waits for more of them.
        assert (await patch(caller, ANEW, "*")).status_code == 200
        await restart(running, caller)
        await caller.until_pictures(lambda _: True)


async def test_who_has_moved_can_still_be_seen_to_vanish(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.05)
    async with serve() as running, Watcher(running.http, "first") as watcher:
        await running.http.put("/v1/avatars/first/live")
        await watcher.connect()
        await restart(running, watcher)
        await watcher.vanish()
        await running.until_ended("viewer")


async def test_hanging_up_ends_a_restart_under_way(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        assert (await patch(caller, ANEW, "*")).status_code == 200
        assert (await running.http.delete(caller.location)).status_code == 200
        assert running.server.admission.sessions == 0
        assert ice_restart.TASK_NAME not in {task.get_name() for task in asyncio.all_tasks()}


@pytest.mark.parametrize("if_match", ["*", '"*"', "{etag}", '"x,y", {etag}', 'W/"x", "*"'])
async def test_new_credentials_restart_whatever_the_session_is_named_by(
    serve: Serve, if_match: str
) -> None:
    """RFC 9725 section 4.3.3: whoever sends them means a restart."""
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        assert caller.response is not None
        first = caller.response.headers["ETag"]
        response = await patch(caller, ANEW, if_match.format(etag=first))
        assert response.status_code == 200, response.text
        assert response.headers["ETag"] != first
        assert trickle.parse(response.content).candidates


async def test_new_credentials_for_another_session_restart_nothing(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        first = agent(running, caller)
        problem(await patch(caller, ANEW, '"other"'), 412, "other-ice-session")
        response = await caller.http.patch(caller.location, content=ANEW, headers=FRAGMENT)
        problem(response, 428, "if-match-required")
        await until_settled()
        assert agent(running, caller) is first


async def test_candidates_of_the_same_session_may_be_for_any(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        assert caller.response is not None
        first, etag = agent(running, caller), caller.response.headers["ETag"]
        same = f"a=ice-ufrag:{first.remote_username}\r\na=ice-pwd:{first.remote_password}\r\n"
        for content in (same, same + NOWHERE, "", NOWHERE):
            response = await patch(caller, content, "*")
            assert (response.status_code, response.content) == (204, b"")
            assert "ETag" not in response.headers
        await until_settled()
        assert agent(running, caller) is first
        assert (await patch(caller, "", etag)).status_code == 204


@pytest.mark.parametrize(
    "content", ["a=ice-ufrag:anew\r\n", "a=ice-pwd:0123456789012345678901\r\n"]
)
async def test_a_restart_without_new_credentials(serve: Serve, content: str) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        detail = problem(await patch(caller, content, "*"), 422, "other-ice-session")
        assert "new ones of both ice-ufrag and ice-pwd to restart ICE" in detail
        await caller.until_pictures(lambda _: True)


async def test_a_restart_that_is_sent_twice_is_one(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        peer = running.server.calls.peer(caller.location.rpartition("/")[2])
        fragment = trickle.parse(ANEW.encode())
        once, again = await asyncio.gather(
            peer.change_ice(fragment), peer.change_ice(fragment), return_exceptions=True
        )
        assert isinstance(once, str)
        assert isinstance(again, Problem)
        assert again.code == "ice-restart"


@pytest.mark.parametrize(("count", "status"), [(40, 200), (65, 422)])
async def test_candidates_of_a_restart_are_as_many_as_of_an_offer(
    serve: Serve, count: int, status: int
) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        host = "a=candidate:1 1 udp 2122260223 127.0.0.1 {} typ host\r\n"
        many = "a=mid:0\r\n" + "".join(host.format(20_000 + i) for i in range(count))
        assert (await patch(caller, ANEW + many, "*")).status_code == status
        assert caller.response is not None
        first = caller.response.headers["ETag"]
        still = await patch(caller, "", first)
        assert still.status_code == (412 if status == 200 else 204)


async def test_a_restart_that_nobody_answers_is_given_up(serve: Serve) -> None:
    config = with_calls(CallConfig(max_sessions=1, connect_timeout_s=2))
    async with serve(config) as running, Caller(running.http) as caller:
        await caller.connect()
        # No end of candidates: by itself ICE would wait for ever.
        assert (await patch(caller, ANEW, "*")).status_code == 200
        await until_settled()
        await restart(running, caller)


async def test_a_call_that_ends_cannot_be_restarted(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        peer = running.server.calls.peer(caller.location.rpartition("/")[2])
        fragment = trickle.parse(ANEW.encode())
        closing = asyncio.create_task(peer.close())
        await asyncio.sleep(0)  # it has begun
        with pytest.raises(Problem, match="expected it to be connected"):
            await peer.restart_ice(fragment)
        await closing


async def test_the_end_waits_for_no_restart_that_has_not_begun(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        peer = running.server.calls.peer(caller.location.rpartition("/")[2])
        gather, begun, gate = ice_restart.IceRestart.gather, asyncio.Queue[None](), asyncio.Event()

        async def slow(restart: ice_restart.IceRestart) -> Any:
            begun.put_nowait(None)
            await gate.wait()
            return await gather(restart)

        monkeypatch.setattr(ice_restart.IceRestart, "gather", slow)
        fragments = [trickle.parse(ANEW.replace("anew", f"anew{i}").encode()) for i in range(3)]
        restarts = [asyncio.create_task(peer.restart_ice(fragment)) for fragment in fragments]
        await begun.get()
        closing = asyncio.create_task(peer.close())
        await asyncio.sleep(0)  # it has begun
        gate.set()
        await closing
        assert begun.empty()
        _, *refused = await asyncio.gather(*restarts, return_exceptions=True)
        assert [getattr(error, "code", None) for error in refused] == ["not-connected"] * 2


async def test_there_is_no_connection_to_restart_yet(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        caller.location = (await caller.post()).headers["Location"]
        problem(await patch(caller, ANEW, "*"), 409, "not-connected")
