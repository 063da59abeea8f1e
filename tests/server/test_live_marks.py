"""What is configured to say that pictures are synthetic is seen in those that are live, too."""

import dataclasses

import pytest

from server.config import Config, TrustConfig
from tests.server.caller import Caller, RemotePeer, Watcher
from tests.server.conftest import CONFIG, Serve
from tests.server.fakes import SIZE_PX

CORNER_PX = SIZE_PX // 8


def with_badge(badge: bool) -> Config:
    return dataclasses.replace(CONFIG, trust=TrustConfig(badge=badge))


async def sees_badge(peer: RemotePeer) -> bool:
    """Whether there are letters in the corner of a face that is dark, since nobody speaks."""
    await peer.until(lambda: len(peer.pictures) > 5)
    return bool(peer.shown[-CORNER_PX:, -CORNER_PX:].max() > 150)


@pytest.mark.parametrize("badge", [True, False])
async def test_a_caller_sees_the_badge(serve: Serve, badge: bool) -> None:
    async with serve(with_badge(badge)) as running, Caller(running.http) as caller:
        caller.speaker.loud = False
        await caller.connect()
        assert await sees_badge(caller) is badge


@pytest.mark.parametrize("badge", [True, False])
async def test_a_viewer_sees_the_badge(serve: Serve, badge: bool) -> None:
    async with serve(with_badge(badge)) as running, Watcher(running.http, "first") as watcher:
        await running.http.put("/v1/avatars/first/live")
        await watcher.connect()
        assert await sees_badge(watcher) is badge
