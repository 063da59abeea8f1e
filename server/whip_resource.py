"""The rules of RFC 9725 (WHIP) section 4 that calls, publishers and viewers share.

An endpoint takes SDP offers by POST and tells by OPTIONS what it takes; what a POST creates is a
resource that takes ICE candidates by PATCH and ends by DELETE.
"""

import time
from http import HTTPStatus
from typing import Protocol

from fastapi import APIRouter, Request
from starlette.responses import Response

from server import trickle, turn
from server.body import read_body
from server.peer import Peer
from server.problems import Problem
from server.turn import IceServer

SDP_MEDIA_TYPE = "application/sdp"
MAX_SDP_BYTES = 65_536


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
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    response.headers["Accept-Post"] = SDP_MEDIA_TYPE
    response.headers["Allow"] = "POST, OPTIONS"
    link_ice_servers(response, ice_servers)
    return response


def add_resource_routes(routes: APIRouter, path: str, resources: Resources) -> None:
    """Add PATCH, DELETE and OPTIONS of the resource at ``path``, which ends in ``{resource_id}``.

    Other methods are refused with 405, and so are those that ``path`` without the id does not know.
    """

    @routes.patch(
        path,
        status_code=HTTPStatus.NO_CONTENT,
        openapi_extra={"requestBody": {"content": {trickle.MEDIA_TYPE: {}}, "required": True}},
    )
    async def add_candidates(request: Request, resource_id: str) -> Response:
        """Add ICE candidates; If-Match must carry the ETag of its ICE session."""
        peer = resources.peer(resource_id)
        body = await read_body(request, trickle.MEDIA_TYPE, MAX_SDP_BYTES)
        _check_if_match(request.headers.get("If-Match"), peer.etag)
        await peer.add_candidates(trickle.parse(body))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.delete(path, status_code=HTTPStatus.OK)
    async def hang_up(resource_id: str) -> Response:
        """End it."""
        await resources.hang_up(resource_id)
        return Response(status_code=HTTPStatus.OK)

    @routes.options(path, status_code=HTTPStatus.NO_CONTENT)
    async def describe(resource_id: str) -> Response:
        """What it understands."""
        resources.peer(resource_id)
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        response.headers["Accept-Patch"] = trickle.MEDIA_TYPE
        response.headers["Allow"] = "PATCH, DELETE, OPTIONS"
        return response

    @routes.api_route(path, methods=["GET", "HEAD", "POST", "PUT"], include_in_schema=False)
    async def refuse(resource_id: str) -> None:
        """RFC 9725 section 4.1; a second offer would be a renegotiation."""
        resources.peer(resource_id)
        raise _not_allowed(
            "a connection cannot be changed: hang up and offer again", "PATCH, DELETE, OPTIONS"
        )


def refuse_other_methods(routes: APIRouter, path: str, detail: str) -> None:
    """Answer GET, HEAD and PUT of an endpoint with 405 (RFC 9725 section 4.1)."""

    @routes.api_route(path, methods=["GET", "HEAD", "PUT"], include_in_schema=False)
    async def refuse() -> None:
        raise _not_allowed(detail, "POST, OPTIONS")


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
            f"found If-Match: {if_match}, expected the ETag {etag}",
        )
