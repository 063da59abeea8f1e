"""The rules of RFC 9725 (WHIP) section 4 that calls, publishers and viewers share.

An endpoint takes SDP offers by POST and tells by OPTIONS what it takes; what a POST creates is a
resource that takes ICE candidates and restarts by PATCH and ends by DELETE.
"""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol

from fastapi import APIRouter, Request
from starlette.responses import Response

from server import problems, trickle, turn
from server.body import media_type, read_body
from server.peer import Peer
from server.problems import Problem
from server.turn import IceServer

SDP_MEDIA_TYPE = "application/sdp"
MAX_SDP_BYTES = 65_536

_ENDPOINT_METHODS = "POST, GET, HEAD, OPTIONS"
_RESOURCE_METHODS = "PATCH, DELETE, GET, HEAD, OPTIONS"
# Of If-Match, where the ICE session is to be a new one (RFC 9725 section 4.3.3).
_ANY_SESSION = "*"


class Resources(Protocol):
    """What POSTs have created, by id."""

    def peer(self, resource_id: str) -> Peer:
        """The connection; raises Problem 404 when it is unknown or has ended."""
        ...

    async def hang_up(self, resource_id: str) -> None:
        """End it and wait until its place is free; raises Problem 404."""
        ...


def created(answer: str, location: str, etag: str, ice_servers: tuple[IceServer, ...]) -> Response:
    """The response to a POST (RFC 9725 section 4.2)."""
    response = Response(answer, HTTPStatus.CREATED, media_type=SDP_MEDIA_TYPE)
    response.headers["Location"] = location
    response.headers["ETag"] = etag
    link_ice_servers(response, ice_servers)
    return response


def endpoint_options(ice_servers: tuple[IceServer, ...]) -> Response:
    """The response to OPTIONS of an endpoint: what may be posted, and the ICE servers for it."""
    response = Response(status_code=HTTPStatus.OK)
    response.headers["Accept-Post"] = SDP_MEDIA_TYPE
    response.headers["Allow"] = _ENDPOINT_METHODS
    link_ice_servers(response, ice_servers)
    return response


def add_resource_routes(
    routes: APIRouter,
    path: str,
    resources: Resources,
    take_answer: Callable[[str, bytes], Awaitable[None]] | None = None,
) -> None:
    """Add what the resource at ``path``, which ends in ``{resource_id}``, understands.

    ``take_answer`` takes the SDP answer to an offer of ours, if we make any. GET has nothing to
    show (RFC 9725 section 4.1); other methods are refused with 405.
    """
    taken = [trickle.MEDIA_TYPE, *([SDP_MEDIA_TYPE] if take_answer is not None else [])]

    @routes.patch(
        path,
        status_code=HTTPStatus.NO_CONTENT,
        openapi_extra={"requestBody": {"content": {name: {} for name in taken}, "required": True}},
        responses={
            200: {"content": {trickle.MEDIA_TYPE: {}}, "description": "ICE has been restarted"},
            **problems.refusals(400, 404, 412, 413, 415, 422, 428, 503),
            409: {"description": "No connection is there to restart, or no answer is expected"},
        },
    )
    async def change_ice(request: Request, resource_id: str) -> Response:
        """Add ICE candidates; If-Match must carry the ETag of the ICE session.

        With If-Match: * and new credentials, restart ICE.
        """
        peer = resources.peer(resource_id)
        if take_answer is not None and media_type(request) == SDP_MEDIA_TYPE:
            await take_answer(resource_id, await read_body(request, SDP_MEDIA_TYPE, MAX_SDP_BYTES))
            return Response(status_code=HTTPStatus.NO_CONTENT)
        body = await read_body(request, trickle.MEDIA_TYPE, MAX_SDP_BYTES)
        if_match = request.headers.get("If-Match")
        if if_match == _ANY_SESSION:
            own = await peer.restart_ice(trickle.parse(body))
            response = Response(own, HTTPStatus.OK, media_type=trickle.MEDIA_TYPE)
            response.headers["ETag"] = peer.etag
            return response
        _check_if_match(if_match, peer.etag)
        await peer.add_candidates(trickle.parse(body))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.delete(path, response_class=Response, responses=problems.refusals(404))
    async def hang_up(resource_id: str) -> Response:
        """End it."""
        await resources.hang_up(resource_id)
        return Response(status_code=HTTPStatus.OK)

    @routes.options(path, response_class=Response, responses=problems.refusals(404))
    async def describe(resource_id: str) -> Response:
        """What it understands."""
        resources.peer(resource_id)
        response = Response(status_code=HTTPStatus.OK)
        response.headers["Accept-Patch"] = ", ".join(taken)
        response.headers["Allow"] = _RESOURCE_METHODS
        return response

    @routes.get(path, include_in_schema=False)
    async def show_nothing(resource_id: str) -> Response:
        resources.peer(resource_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.api_route(path, methods=["POST", "PUT"], include_in_schema=False)
    async def refuse(resource_id: str) -> None:
        """A second offer would be a renegotiation: neither protocol has it."""
        resources.peer(resource_id)
        raise _not_allowed(
            "a connection cannot be changed: hang up and offer again", _RESOURCE_METHODS
        )


def answer_other_methods(routes: APIRouter, path: str, detail: str) -> None:
    """Show nothing to GET of an endpoint (RFC 9725 section 4.1); others are refused with 405."""

    @routes.get(path, include_in_schema=False)
    async def show_nothing() -> Response:
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.api_route(path, methods=["PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def refuse() -> None:
        raise _not_allowed(detail, _ENDPOINT_METHODS)


def link_ice_servers(response: Response, servers: tuple[IceServer, ...]) -> None:
    """Name the ICE servers in ``Link`` headers (RFC 9725 section 4.6), with fresh credentials."""
    for server in turn.fresh(servers, time.time()):
        link = f'<{server.url}>; rel="ice-server"'
        if server.username is not None and server.credential is not None:
            link += (
                f'; username="{server.username}"; credential="{server.credential}"'
                '; credential-type="password"'
            )
        response.headers.append("Link", link)


def _not_allowed(detail: str, allow: str) -> Problem:
    return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, {"Allow": allow})


def _check_if_match(if_match: str | None, etag: str) -> None:
    if if_match is None:
        raise Problem(
            HTTPStatus.PRECONDITION_REQUIRED,
            "if-match-required",
            f"found no If-Match header, expected the ETag {etag} (RFC 9725 4.3.1)",
        )
    if if_match != etag:
        raise Problem(
            HTTPStatus.PRECONDITION_FAILED,
            "other-ice-session",
            f"found If-Match: {if_match}, expected the ETag {etag}",
        )
