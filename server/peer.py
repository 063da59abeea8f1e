"""A WebRTC connection that somebody else opened with an offer: a caller, viewer or publisher."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
)
from aiortc.rtcicetransport import RTCIceParameters

from server import ice_consent, negotiation, sdp, trickle, turn
from server.config import Config
from server.ice_restart import IceRestart
from server.problems import Problem
from server.trickle import Fragment

logger = logging.getLogger(__name__)


class Peer:
    """One connection. ``connected`` is set when media can flow, ``on_gone`` called when it is over.

    ``etag`` names its ICE session (RFC 9725 section 4.3.1). Create it on the event loop;
    whoever did must ``close`` it. One that ``only_listens`` asks nobody for consent to send.
    """

    def __init__(
        self, config: Config, on_gone: Callable[[], None], *, only_listens: bool = False
    ) -> None:
        self.etag = _new_etag()
        self.connected = asyncio.Event()
        self._ice_servers = config.ice_servers
        self._connect_timeout_s = config.call.connect_timeout_s
        self._retry_after_s = config.call.retry_after_s
        self.connection = RTCPeerConnection(
            RTCConfiguration(
                iceServers=self._fresh_ice_servers(),
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        # aiortc uses the first one.
        self._turn_url = next((s.url for s in config.ice_servers if s.url.startswith("turn")), None)
        self._on_gone = on_gone
        self._only_listens = only_listens
        self._ice_ufrag = ""
        self._tagged_mid: str | None = None
        self._candidates = 0
        self._restart: IceRestart | None = None
        self._restarting = asyncio.Lock()
        self._closed = False
        self.connection.on("connectionstatechange", self._on_connection_state)

    async def answer(self, offer: sdp.Description, *, ignored: str | None = None) -> str:
        """Return the SDP answer; the transceivers are there already.

        ``ignored`` is a kind of media that is answered to be inactive.
        Raises Problem 422 for an offer that cannot be negotiated or brings too many candidates.
        """
        self._ice_ufrag, self._tagged_mid = offer.ice_ufrag, offer.tagged_mid
        self._count_candidates(offer.candidates)
        with self._consent():
            answer = await negotiation.negotiate(self.connection, offer, ignored)
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
        await negotiation.accept(self.connection, answer)
        self._ice_ufrag, self._tagged_mid = answer.ice_ufrag, answer.tagged_mid

    async def change_ice(self, fragment: Fragment) -> str | None:
        """Take a fragment: with new credentials ``restart_ice``, else ``add_candidates``.

        RFC 9725 section 4.3.3: it is the credentials that make a restart. Returns and raises what
        these do; None: there is nothing to answer.
        """
        if fragment.ice_pwd and fragment.ice_ufrag not in (None, self._ice_ufrag):
            return await self.restart_ice(fragment)
        await self.add_candidates(fragment)
        return None

    async def add_candidates(self, fragment: Fragment) -> None:
        """Add ICE candidates that were found after the offer, or after the last restart.

        Raises Problem 422 for those of another ICE session; and when they become too many: ICE
        sends checks to each of them.
        """
        is_unnamed = fragment.ice_ufrag is None and fragment.ice_pwd is None
        if not is_unnamed and fragment.ice_ufrag != self._ice_ufrag:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "other-ice-session",
                f"found ice-ufrag {fragment.ice_ufrag!r}, expected {self._ice_ufrag!r}, or new ones"
                " of both ice-ufrag and ice-pwd to restart ICE",
            )
        self._count_candidates(len(fragment.candidates))
        add = self._restart.add_candidate if self._restart else self.connection.addIceCandidate
        first_mid = self.connection.getTransceivers()[0].mid
        for candidate in fragment.candidates:
            if candidate.sdpMid == self._tagged_mid:
                # aiortc takes those of the transceiver that was added first, and no others.
                candidate.sdpMid = first_mid
            await add(candidate)
        if fragment.complete:
            await add(None)

    async def restart_ice(self, fragment: Fragment) -> str:
        """Begin a new ICE session (RFC 9725 section 4.3.3); return the fragment that answers it.

        Media flow as before until it is connected, and if it never is. Raises Problem, 409: there
        is no connection to restart. 422: no new credentials, or too many candidates. 503: no port
        is free. The session that there is goes on then.
        """
        async with self._restarting:
            section = self._tagged_section()
            transport = section.receiver.transport.transport
            self._check_restart(fragment, transport.state)
            assert section.mid is not None
            restart = IceRestart(transport, self._fresh_ice_servers(), self._connect_timeout_s)
            try:
                parameters, own = await restart.gather()
                if not own:
                    raise Problem(
                        HTTPStatus.SERVICE_UNAVAILABLE,
                        "no-port",
                        "no port is free for another way through the network: come back later",
                        {"Retry-After": str(self._retry_after_s)},
                    )
                for candidate in fragment.candidates:
                    await restart.add_candidate(candidate)
                if fragment.complete:
                    await restart.add_candidate(None)
            except BaseException:
                await restart.close()
                raise
            if self._restart is not None:
                await self._restart.close()
            assert fragment.ice_ufrag is not None
            self._restart, self._candidates = restart, len(fragment.candidates)
            self.etag, self._ice_ufrag = _new_etag(), fragment.ice_ufrag
            with self._consent():
                restart.connect(RTCIceParameters(fragment.ice_ufrag, fragment.ice_pwd))
        return trickle.write(section.kind, section.mid, parameters, own)

    def _tagged_section(self) -> RTCRtpTransceiver:
        sections = self.connection.getTransceivers()
        return next((one for one in sections if one.mid == self._tagged_mid), sections[0])

    def _check_restart(self, fragment: Fragment, ice_state: str) -> None:
        if not (fragment.ice_ufrag and fragment.ice_pwd) or fragment.ice_ufrag == self._ice_ufrag:
            password = "an" if fragment.ice_pwd else "no"
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "ice-restart",
                f"found ice-ufrag {fragment.ice_ufrag!r} and {password} ice-pwd, expected new ones"
                " of both to restart ICE",
            )
        trickle.check_count(len(fragment.candidates))
        if self._closed or ice_state != "completed":
            raise Problem(
                HTTPStatus.CONFLICT,
                "not-connected",
                f"found ICE {ice_state}, expected it to be connected: offer again",
            )

    async def close(self) -> None:
        """End the connection."""
        # Before those that wait for their turn to restart it: each takes seconds.
        self._closed = True
        async with self._restarting:
            if self._restart is not None:
                await self._restart.close()
        await self.connection.close()

    def _consent(self) -> contextlib.AbstractContextManager[None]:
        return ice_consent.not_asked_for() if self._only_listens else contextlib.nullcontext()

    def _fresh_ice_servers(self) -> list[RTCIceServer]:
        return [
            RTCIceServer(server.url, server.username, server.credential)
            for server in turn.fresh(self._ice_servers, time.time())
        ]

    def _count_candidates(self, more: int) -> None:
        trickle.check_count(self._candidates + more)
        self._candidates += more

    def _on_connection_state(self) -> None:
        state = self.connection.connectionState
        logger.debug("connection is %s", state)
        if state == "connected":
            self.connected.set()
        elif state in ("failed", "closed"):
            self._on_gone()


def _new_etag() -> str:
    return f'"{secrets.token_hex(8)}"'
