"""``/v1/calls``: a call is a WHIP session (RFC 9725) in which media flows both ways."""

import asyncio
import logging
import secrets
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from server import access, logs, problems, rate_limit, sdp
from server.access import Access
from server.admission import Admission
from server.body import read_body
from server.keys import Scope
from server.lifecycle import Ending
from server.peer import Peer
from server.problems import Problem
from server.services import Services
from server.session import Session
from server.whip_resource import (
    MAX_SDP_BYTES,
    OFFER,
    SDP_MEDIA_TYPE,
    add_resource_routes,
    answer_other_methods,
    created,
    described,
    described_options,
    endpoint_options,
)

logger = logging.getLogger(__name__)

PATH = "/v1/calls"


class Calls:
    """The calls that run. It owns their tasks; ``aclose`` ends them all."""

    def __init__(self, services: Services, admission: Admission) -> None:
        self._services = services
        self._admission = admission
        self._sessions: dict[str, tuple[Session, asyncio.Task[Ending]]] = {}

    async def open(
        self, offer: sdp.Description, portrait_id: str, owner: str | None = None
    ) -> tuple[Session, str]:
        """Admit a call, answer ``offer`` and let the call run; returns it and the SDP answer.

        Raises Problem: 503 full or starting, 404 unknown portrait, 422 offer not negotiable.
        """
        metrics = self._services.metrics
        try:
            self._admission.enter()
        except Problem:
            metrics.calls_refused.inc()
            raise
        metrics.sessions.set(self._admission.sessions)
        session_id = secrets.token_urlsafe(16)
        logs.bind_session(session_id)
        session: Session | None = None
        try:
            avatar = await self._services.avatars.find(portrait_id)
            session = Session(session_id, self._services, avatar, owner)
            answer = await session.answer(offer)
        except BaseException:
            try:
                if session is not None:
                    await session.discard()
            finally:
                self._leave()
            raise
        task = asyncio.create_task(session.run(), name=f"session {session_id}")
        self._sessions[session_id] = session, task
        task.add_done_callback(lambda _: self._forget(session_id))
        return session, answer

    def get(self, session_id: str) -> Session:
        """The call; raises Problem 404 when it is unknown or has ended."""
        if session_id not in self._sessions:
            raise Problem(
                HTTPStatus.NOT_FOUND, "unknown-call", "there is no such call: it may have ended"
            )
        return self._sessions[session_id][0]

    def peer(self, session_id: str) -> Peer:
        """The connection of the call; raises Problem 404."""
        return self.get(session_id).peer

    async def hang_up(self, session_id: str) -> None:
        """End the call and wait until its place is free; raises Problem 404."""
        self.get(session_id).end(Ending.HUNG_UP)
        await self.ended(session_id)

    async def ended(self, session_id: str) -> None:
        """Wait until the call has ended, at once if it is not there."""
        if session_id in self._sessions:
            await asyncio.wait([self._sessions[session_id][1]])

    async def aclose(self) -> None:
        """End all calls; their browsers are told that the server stops."""
        tasks = []
        for session, task in self._sessions.values():
            session.end(Ending.SERVER_SHUTDOWN)
            tasks.append(task)
        if tasks:
            await asyncio.wait(tasks)

    def _forget(self, session_id: str) -> None:
        _, task = self._sessions.pop(session_id)
        self._leave()
        if not task.cancelled() and task.exception() is not None:
            logger.error("a call could not be closed properly", exc_info=task.exception())

    def _leave(self) -> None:
        self._admission.leave()
        self._services.metrics.sessions.set(self._admission.sessions)


def router(calls: Calls, services: Services, guard: Access) -> APIRouter:
    """The routes, by the rules of RFC 9725 section 4.

    All need a key, OPTIONS too: its answer names TURN servers and how to get into them.
    """
    routes = APIRouter(
        tags=["calls"], dependencies=[guard.needs(Scope.PUBLISH)], responses=access.REFUSALS
    )
    limits = services.config.limits
    not_too_often = rate_limit.limited(
        "calls", limits.calls_per_minute, limits.calls_burst, services.metrics
    )
    default_portrait = services.portraits.default_id

    @routes.post(
        PATH,
        status_code=HTTPStatus.CREATED,
        response_class=Response,
        dependencies=[not_too_often],
        openapi_extra=OFFER,
        responses={
            201: described("The SDP answer"),
            **problems.refusals(400, 404, 408, 413, 415, 422, 503),
            **rate_limit.refusals(limits.calls_per_minute, limits.calls_burst),
        },
    )
    async def open_call(request: Request, portrait: str = default_portrait) -> Response:
        """Call with an SDP offer: microphone sendrecv, video recvonly, data channel "control".

        ``portrait`` is the id of a portrait, or the name of an avatar, shown with its settings.
        """
        body = await read_body(request, SDP_MEDIA_TYPE, MAX_SDP_BYTES)
        session, answer = await calls.open(sdp.check_call(body), portrait, access.owner(request))
        ice_servers = services.config.ice_servers
        return created(answer, f"{PATH}/{session.id}", session.peer.etag, ice_servers)

    @routes.options(PATH, response_class=Response, responses=described_options())
    async def describe_calls() -> Response:
        """What may be posted here, and the ICE servers to use for it."""
        return endpoint_options(services.config.ice_servers)

    add_resource_routes(routes, PATH + "/{resource_id}", calls)
    answer_other_methods(routes, PATH, "calls are opened by POST")
    return routes
