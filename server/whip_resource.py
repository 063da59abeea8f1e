"""The rules of RFC 9725 (WHIP) section 4 that calls, publishers and viewers share.

An endpoint takes SDP offers by POST and tells by OPTIONS what it takes; what a POST creates is a
resource that takes ICE candidates and restarts by PATCH and ends by DELETE.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import APIRouter, Request, params
from starlette.responses import Response

from server import if_match as matching
from server import problems, trickle, turn
from server.body import media_type, read_body
from server.if_match import IfMatch
from server.peer import Peer
from server.problems import Problem
from server.turn import IceServer

SDP_MEDIA_TYPE = "application/sdp"
MAX_SDP_BYTES = 65_536

_ENDPOINT_METHODS = "POST, GET, HEAD, OPTIONS"
_RESOURCE_METHODS = "PATCH, DELETE, GET, HEAD, OPTIONS"

_SDP: dict[str, Any] = {SDP_MEDIA_TYPE: {"schema": {"type": "string", "maxLength": MAX_SDP_BYTES}}}
_FRAGMENT: dict[str, Any] = {
    trickle.MEDIA_TYPE: {"schema": {"type": "string", "maxLength": MAX_SDP_BYTES}}
}
# How the interface's description tells of the body of a POST.
OFFER: dict[str, Any] = {
    "requestBody": {
        "description": f"An SDP offer of at most {MAX_SDP_BYTES} bytes",
        "content": _SDP,
        "required": True,
    }
}


class Resources(Protocol):
    """What POSTs have created, by id."""

    def peer(self, resource_id: str) -> Peer:
        """The connection; raises Problem 404 when it is unknown or has ended."""
        ...

    async def hang_up(self, resource_id: str) -> None:
        """End it and wait until its place is free; raises Problem 404."""
        ...


def described(description: str) -> dict[str, Any]:
    """How the interface's description tells of ``created``."""
    return {
        "description": description,
        "content": _SDP,
        "headers": {
            "Location": _header("The resource that was created, for PATCH and DELETE"),
            "ETag": _header("Names its ICE session, for If-Match"),
            "Link": _header('An ICE server to use (rel="ice-server"); one header for each'),
        },
    }


def described_options() -> dict[int | str, dict[str, Any]]:
    """How the interface's description tells of ``endpoint_options``."""
    return {
        200: {
            "description": "What it takes",
            "headers": {
                "Accept-Post": _header("The media type of offers"),
                "Allow": _header("Its methods"),
                "Link": _header('An ICE server to use (rel="ice-server"); one header for each'),
            },
        }
    }


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
    checks: Sequence[params.Depends] = (),
) -> None:
    """Add what the resource at ``path``, which ends in ``{resource_id}``, understands.

    ``checks`` come before all of it. ``take_answer`` takes the SDP answer to an offer of ours, if
    we make any. GET has nothing to show (RFC 9725 section 4.1); other methods are refused with 405.
    """
    contents = _FRAGMENT if take_answer is None else _FRAGMENT | _SDP
    resource = APIRouter(dependencies=checks)

    @resource.patch(
        path,
        status_code=HTTPStatus.NO_CONTENT,
        openapi_extra={
            "requestBody": {
                "description": f"A fragment or an answer of at most {MAX_SDP_BYTES} bytes",
                "content": contents,
                "required": True,
            }
        },
        responses={
            200: {
                "content": _FRAGMENT,
                "description": "ICE is restarted: our new credentials and candidates",
                "headers": {"ETag": _header("Names the new ICE session")},
            },
            **problems.refusals(400, 404, 408, 412, 413, 415, 422, 428, 503),
            409: {"description": "No connection is there to restart, or no answer is expected"},
        },
    )
    async def change_ice(request: Request, resource_id: str, if_match: IfMatch = None) -> Response:
        """Add ICE candidates, or with a new ice-ufrag and ice-pwd restart ICE."""
        peer = resources.peer(resource_id)
        if take_answer is not None and media_type(request) == SDP_MEDIA_TYPE:
            await take_answer(resource_id, await read_body(request, SDP_MEDIA_TYPE, MAX_SDP_BYTES))
            return Response(status_code=HTTPStatus.NO_CONTENT)
        body = await read_body(request, trickle.MEDIA_TYPE, MAX_SDP_BYTES)
        matching.check(if_match, peer.etag)
        own = await peer.change_ice(trickle.parse(body))
        if own is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        response = Response(own, HTTPStatus.OK, media_type=trickle.MEDIA_TYPE)
        response.headers["ETag"] = peer.etag
        return response

    @resource.delete(path, response_class=Response, responses=problems.refusals(404))
    async def hang_up(resource_id: str) -> Response:
        """End it."""
        await resources.hang_up(resource_id)
        return Response(status_code=HTTPStatus.OK)

    @resource.options(
        path,
        response_class=Response,
        responses={
            200: {
                "description": "What it takes",
                "headers": {
                    "Accept-Patch": _header("The media types of bodies"),
                    "Allow": _header("Its methods"),
                },
            },
            **problems.refusals(404),
        },
    )
    async def describe(resource_id: str) -> Response:
        """What it understands."""
        resources.peer(resource_id)
        response = Response(status_code=HTTPStatus.OK)
        response.headers["Accept-Patch"] = ", ".join(contents)
        response.headers["Allow"] = _RESOURCE_METHODS
        return response

    @resource.get(path, include_in_schema=False)
    async def show_nothing(resource_id: str) -> Response:
        resources.peer(resource_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @resource.api_route(path, methods=["POST", "PUT"], include_in_schema=False)
    async def refuse(resource_id: str) -> None:
        """A second offer would be a renegotiation: neither protocol has it."""
        resources.peer(resource_id)
        raise _not_allowed(
            "a connection cannot be changed: hang up and offer again", _RESOURCE_METHODS
        )

    routes.include_router(resource)


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


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _not_allowed(detail: str, allow: str) -> Problem:
    return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, {"Allow": allow})
