"""``/v1/calls``: a call is a WHIP session (RFC 9725) in which media flows both ways."""

import asyncio
import logging
import secrets
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from server import access, logs, rate_limit, sdp, trickle
from server.access import Access
from server.admission import Admission
from server.body import read_body
from server.config import IceServer
from server.keys import Scope
from server.lifecycle import Ending
from server.problems import Problem
from server.session import Services, Session

logger = logging.getLogger(__name__)

PATH = "/v1/calls"
SDP_MEDIA_TYPE = "application/sdp"
_MAX_SDP_BYTES = 65_536


class Calls:
    """The calls that run. It owns their tasks; ``aclose`` ends them all."""

    def __init__(self, services: Services, admission: Admission) -> None:
        self._services = services
        self._admission = admission
        self._sessions: dict[str, tuple[Session, asyncio.Task[Ending]]] = {}

    async def open(self, offer: sdp.Offer, portrait_id: str) -> tuple[Session, str]:
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
            session = Session(session_id, self._services, avatar)
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
        openapi_extra={"requestBody": {"content": {SDP_MEDIA_TYPE: {}}, "required": True}},
        responses={
            201: {"content": {SDP_MEDIA_TYPE: {}}, "description": "The SDP answer"},
            **rate_limit.REFUSALS,
        },
    )
    async def open_call(request: Request, portrait: str = default_portrait) -> Response:
        """Call with an SDP offer: microphone sendrecv, video recvonly, data channel "control".

        ``portrait`` is the id of a portrait, or the name of an avatar, shown with its settings.
        """
        body = await read_body(request, SDP_MEDIA_TYPE, _MAX_SDP_BYTES)
        session, answer = await calls.open(sdp.check_offer(body), portrait)
        response = Response(answer, HTTPStatus.CREATED, media_type=SDP_MEDIA_TYPE)
        response.headers["Location"] = f"{PATH}/{session.id}"
        response.headers["ETag"] = session.etag
        _link_ice_servers(response, services.config.ice_servers)
        return response

    @routes.options(PATH, status_code=HTTPStatus.NO_CONTENT)
    async def describe_calls() -> Response:
        """What may be posted here, and the ICE servers to use for it."""
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        response.headers["Accept-Post"] = SDP_MEDIA_TYPE
        response.headers["Allow"] = "POST, OPTIONS"
        _link_ice_servers(response, services.config.ice_servers)
        return response

    @routes.patch(
        PATH + "/{call_id}",
        status_code=HTTPStatus.NO_CONTENT,
        openapi_extra={"requestBody": {"content": {trickle.MEDIA_TYPE: {}}, "required": True}},
    )
    async def add_candidates(request: Request, call_id: str) -> Response:
        """Add ICE candidates; If-Match must carry the call's ETag."""
        session = calls.get(call_id)
        body = await read_body(request, trickle.MEDIA_TYPE, _MAX_SDP_BYTES)
        _check_if_match(request.headers.get("If-Match"), session.etag)
        await session.add_candidates(trickle.parse(body))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.delete(PATH + "/{call_id}", status_code=HTTPStatus.OK)
    async def hang_up(call_id: str) -> Response:
        """End the call."""
        await calls.hang_up(call_id)
        return Response(status_code=HTTPStatus.OK)

    @routes.options(PATH + "/{call_id}", status_code=HTTPStatus.NO_CONTENT)
    async def describe_call(call_id: str) -> Response:
        """What a call understands."""
        calls.get(call_id)
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        response.headers["Accept-Patch"] = trickle.MEDIA_TYPE
        response.headers["Allow"] = "PATCH, DELETE, OPTIONS"
        return response

    @routes.api_route(PATH, methods=["GET", "HEAD", "PUT"], include_in_schema=False)
    async def refuse_on_calls() -> None:
        """RFC 9725 section 4.1."""
        raise _not_allowed("calls are opened by POST", "POST, OPTIONS")

    @routes.api_route(
        PATH + "/{call_id}", methods=["GET", "HEAD", "POST", "PUT"], include_in_schema=False
    )
    async def refuse_on_call(call_id: str) -> None:
        """RFC 9725 section 4.1; a second offer would be a renegotiation."""
        calls.get(call_id)
        raise _not_allowed(
            "a call cannot be changed: hang up and call again", "PATCH, DELETE, OPTIONS"
        )

    return routes


def _not_allowed(detail: str, allow: str) -> Problem:
    return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, {"Allow": allow})


def _check_if_match(if_match: str | None, etag: str) -> None:
    if if_match is None:
        raise Problem(
            HTTPStatus.PRECONDITION_REQUIRED,
            "if-match-required",
            f"found no If-Match header, expected the call's ETag {etag} (RFC 9725 4.3.1)",
        )
    if if_match == "*":
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "ice-restart",
            "If-Match: * asks for an ICE restart, which is not supported: hang up and call again",
        )
    if if_match != etag:
        raise Problem(
            HTTPStatus.PRECONDITION_FAILED,
            "other-ice-session",
            f"found If-Match: {if_match}, expected the call's ETag {etag}",
        )


def _link_ice_servers(response: Response, servers: tuple[IceServer, ...]) -> None:
    for server in servers:
        link = f'<{server.url}>; rel="ice-server"'
        if server.username is not None and server.credential is not None:
            link += (
                f'; username="{server.username}"; credential="{server.credential}"'
                '; credential-type="password"'
            )
        response.headers.append("Link", link)
