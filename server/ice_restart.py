"""ICE restarts (RFC 8445 section 2.4): a connection goes on over other addresses, media and all.

Whoever changes from one network to another restarts. aiortc cannot, but what is above ICE only
asks its transport for the next datagram and hands it its own: a second agent is set up beside the
first, which goes on meanwhile, and takes its place when it has connected.
"""

# ruff: noqa: SLF001 - neither library has a way in for this: it is their private parts that change.

import asyncio
import logging

from aioice import Connection
from aiortc import RTCIceCandidate, RTCIceGatherer, RTCIceServer, RTCIceTransport
from aiortc.rtcicetransport import RTCIceParameters, candidate_to_aioice

logger = logging.getLogger(__name__)

TASK_NAME = "ice restart"


class IceRestart:
    """``gather``, then ``connect``; whoever made it must ``close`` it before ``transport``."""

    def __init__(
        self, transport: RTCIceTransport, servers: list[RTCIceServer], timeout_s: float
    ) -> None:
        """``timeout_s``: it is given up where the two ends have not met by then."""
        self._transport = transport
        self._timeout_s = timeout_s
        self._gatherer = RTCIceGatherer(servers)
        self._agent: Connection = self._gatherer._connection
        self._agent.ice_controlling = transport._connection.ice_controlling
        self._task: asyncio.Task[None] | None = None
        self._candidates_end = False

    async def gather(self) -> tuple[RTCIceParameters, list[RTCIceCandidate]]:
        """Find our addresses; return our new credentials and candidates."""
        await self._gatherer.gather()
        return self._gatherer.getLocalParameters(), self._gatherer.getLocalCandidates()

    async def add_candidate(self, candidate: RTCIceCandidate | None) -> None:
        """Add one of the other end's; None: there are no more."""
        if not self._candidates_end:
            self._candidates_end = candidate is None
            found = None if candidate is None else candidate_to_aioice(candidate)
            await self._agent.add_remote_candidate(found)

    def connect(self, remote: RTCIceParameters) -> asyncio.Task[None]:
        """Begin the checks; until they succeed, the connection that there is goes on.

        Returns the task, which ends when they have succeeded or failed; ``close`` ends it, too.
        """
        self._agent.remote_username = remote.usernameFragment
        self._agent.remote_password = remote.password
        self._task = asyncio.create_task(self._connect(), name=TASK_NAME)
        return self._task

    async def close(self) -> None:
        """End what has not taken the place of the first agent yet."""
        has_taken_over = self._transport._connection is self._agent
        if self._task is not None:
            if not has_taken_over:
                self._task.cancel()
            await asyncio.wait([self._task])
        if not has_taken_over:
            await self._agent.close()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._agent.connect()
        except (ConnectionError, TimeoutError):
            logger.info("ICE restart failed: the connection stays as it was")
            await self._agent.close()
            return
        if self._transport.state == "completed":
            await self._take_over()
            logger.info("ICE restarted")
        else:
            logger.info("ICE restarted too late: the connection is gone")
            await self._agent.close()

    async def _take_over(self) -> None:
        first, self._transport._connection = self._transport._connection, self._agent
        self._transport._recv, self._transport._send = self._agent.recv, self._agent.send
        gatherer = self._transport.iceGatherer
        gatherer._connection, gatherer._remote_candidates_end = self._agent, self._candidates_end
        # DTLS waits for the next datagram at the first agent's queue, and the transport for word of
        # its end: both are to hear of this one, and not that the first is closed.
        early, self._agent._queue = self._agent._queue, first._queue
        while not early.empty():
            self._agent._queue.put_nowait(early.get_nowait())
        first._queue = asyncio.Queue()
        self._agent._event_waiter, first._event_waiter = first._event_waiter, None
        await first.close()
