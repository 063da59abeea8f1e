"""What receivers report, from a peer through the whole server; only the model is a fake."""

from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket

from server import messages
from tests.server.caller import Caller, RemotePeer, Watcher
from tests.server.conftest import Serve
from tests.server.test_feedback import estimate


async def send(peer: RemotePeer, packet: RtcpPsfbPacket) -> None:
    dtls = peer.peer.getTransceivers()[0].receiver.transport
    await dtls._send_rtp(bytes(packet))


def picture_ssrc(peer: RemotePeer) -> int:
    """What the server sends its pictures with."""
    answer = peer.peer.remoteDescription.sdp
    video = answer[answer.index("m=video") :]
    return int(video.split("a=ssrc:")[1].split()[0])


async def test_a_browser_that_lost_a_picture_is_heard(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until(lambda: len(caller.pictures) > 5)
        lost = RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=picture_ssrc(caller))
        metrics = running.server.services.metrics
        before = metrics.pictures_lost._value.get()
        await send(caller, lost)
        seen = len(caller.pictures)
        await caller.until(lambda: len(caller.pictures) > seen + 5)
        assert metrics.pictures_lost._value.get() == before + 1


async def test_a_viewer_that_lost_a_picture_is_heard(serve: Serve) -> None:
    async with serve() as running:
        await running.http.put("/v1/avatars/first/live")
        async with Watcher(running.http, "first") as watcher:
            await watcher.connect()
            await watcher.until(lambda: len(watcher.pictures) > 5)
            lost = RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=picture_ssrc(watcher))
            metrics = running.server.services.metrics
            before = metrics.pictures_lost._value.get()
            await send(watcher, lost)
            seen = len(watcher.pictures)
            await watcher.until(lambda: len(watcher.pictures) > seen + 5)
            assert metrics.pictures_lost._value.get() == before + 1


async def test_a_caller_on_a_narrow_way_is_told_that_its_picture_is_coarser(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        rung = 0
        while rung == 0:
            await send(caller, estimate(picture_ssrc(caller), 1000))
            stats = await caller.until_message(messages.Stats)
            assert isinstance(stats, messages.Stats)
            rung = stats.rung
        assert rung == 3
        seen = len(caller.pictures)
        await caller.until(lambda: len(caller.pictures) > seen + 5)
