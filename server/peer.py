"""A WebRTC connection that somebody else opened with an offer: a caller, viewer or publisher."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCPeerConnection

from server import sdp, turn
from server.config import Config
from server.problems import Problem
from server.trickle import Fragment

logger = logging.getLogger(__name__)

# A browser with many networks finds a dozen per media section.
_MAX_CANDIDATES = 64


class Peer:
    """One connection. ``connected`` is set when media can flow, ``on_gone`` called when it is over.

    ``etag`` names its one ICE session (RFC 9725 section 4.3.1). Create it on the event loop;
    whoever did must ``close`` it.
    """

    def __init__(self, config: Config, on_gone: Callable[[], None]) -> None:
        self.etag = f'"{secrets.token_hex(8)}"'
        self.connected = asyncio.Event()
        self.connection = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[
                    RTCIceServer(server.url, server.username, server.credential)
                    for server in turn.fresh(config.ice_servers, time.time())
                ],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        # aiortc uses the first one.
        self._turn_url = next((s.url for s in config.ice_servers if s.url.startswith("turn")), None)
        self._on_gone = on_gone
        self._ice_ufrag = ""
        self._candidates = 0
        self.connection.on("connectionstatechange", self._on_connection_state)

    async def answer(self, offer: sdp.Description, *, ignored: str | None = None) -> str:
        """Return the SDP answer; the transceivers are there already.

        ``ignored`` is a kind of media that is answered to be inactive.
        Raises Problem 422 for an offer that cannot be negotiated or brings too many candidates.
        """
        self._ice_ufrag = offer.ice_ufrag
        self._count_candidates(offer.candidates)
        answer = await sdp.negotiate(self.connection, offer, ignored)
        if self._turn_url is not None and " typ relay" not in answer:
            logger.warning(
                "%s relays nothing for this server: check that it runs, that it can be reached from"
                " here, its credentials and its certificate",
                self._turn_url,
            )
        return answer

    async def offer(self) -> str:
        """Return an offer; the transceivers are there already. ``accept`` its answer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: sdp.Description) -> None:
        """Connect by the answer to ``offer``.

        Raises Problem, 409: none is waited for. 422: it does not fit, or has too many candidates.
        """
        if self.connection.signalingState != "have-local-offer":
            raise Problem(
                HTTPStatus.CONFLICT,
                "no-answer-expected",
                "found an SDP answer where none is waited for: only ICE candidates are taken here",
            )
        self._count_candidates(answer.candidates)
        await sdp.accept(self.connection, answer)
        self._ice_ufrag = answer.ice_ufrag

    async def add_candidates(self, fragment: Fragment) -> None:
        """Add ICE candidates that were found after the offer.

        Raises Problem 422 for those of another ICE session: restarts are not supported; and when
        they become too many: ICE sends checks to each of them.
        """
        if fragment.ice_ufrag not in (None, self._ice_ufrag):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "ice-restart",
                f"found ice-ufrag {fragment.ice_ufrag!r}, expected {self._ice_ufrag!r}:"
                " ICE restarts are not supported, hang up and call again",
            )
        self._count_candidates(len(fragment.candidates))
        for candidate in fragment.candidates:
            await self.connection.addIceCandidate(candidate)
        if fragment.complete:
            await self.connection.addIceCandidate(None)

    async def close(self) -> None:
        """End the connection."""
        await self.connection.close()

    def _count_candidates(self, more: int) -> None:
        if self._candidates + more > _MAX_CANDIDATES:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "too-many-candidates",
                f"found {self._candidates + more} ICE candidates in this call, expected at most"
                f" {_MAX_CANDIDATES}",
            )
        self._candidates += more

    def _on_connection_state(self) -> None:
        state = self.connection.connectionState
        logger.debug("connection is %s", state)
        if state == "connected":
            self.connected.set()
        elif state in ("failed", "closed"):
            self._on_gone()
