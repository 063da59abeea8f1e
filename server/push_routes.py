"""``/v1/avatars/{name}/publish``: send an avatar on to a WHIP server.

For admins: this server then makes requests to an address that the request names, from inside
whatever network it is in.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from server import access, problems
from server.access import Access
from server.body import described_json, read_json
from server.keys import Scope
from server.outgoing_config import PublishConfig
from server.problems import Problem
from server.push import Push
from server.pushes import Pushes


class Target(BaseModel, extra="forbid"):
    """Where to: a WHIP endpoint, http or https, and its bearer token if it wants one."""

    url: str
    token: str | None = None


class Published(BaseModel):
    """How it goes. ``reason``: why it is not connected, or was not before."""

    avatar: str
    url: str
    state: str
    reason: str | None
    attempts: int
    retry_in_s: float | None


def router(pushes: Pushes, guard: Access) -> APIRouter:
    """The routes."""
    routes = APIRouter(
        tags=["publish"], dependencies=[guard.needs(Scope.ADMIN)], responses=access.REFUSALS
    )
    path = "/v1/avatars/{name}/publish"

    @routes.put(
        path,
        openapi_extra=described_json(Target),
        responses=problems.refusals(400, 404, 408, 413, 415, 422),
    )
    async def begin(request: Request, name: str) -> Published:
        """Send the avatar there; it goes live by this. Another server, if any, is left."""
        target = await read_json(request, Target)
        return _describe(await pushes.begin(name, checked(target)))

    @routes.get(path, responses=problems.refusals(404))
    async def describe(name: str) -> Published:
        """Tell how it goes; 404 when it is sent nowhere."""
        return _describe(pushes.get(name))

    @routes.delete(path, status_code=HTTPStatus.NO_CONTENT, responses=problems.refusals(404))
    async def end(name: str) -> Response:
        """Send it there no more."""
        await pushes.end(name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return routes


def checked(target: Target) -> PublishConfig:
    """The target as the configuration has it; raises Problem 422."""
    try:
        return PublishConfig(url=target.url, token=target.token)
    except ValidationError as error:
        # Neither what was found nor where: it may be a secret.
        first = error.errors(include_url=False, include_input=False)[0]
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "unusable-target",
            f"{'.'.join(str(part) for part in first['loc']) or 'target'}: expected a WHIP address"
            " of the form http(s)://host/path without user, password or fragment, and a token"
            f" without spaces ({first['msg']})",
        ) from error


def _describe(push: Push) -> Published:
    return Published(
        avatar=push.avatar,
        url=push.url,
        state=push.state.value,
        reason=push.reason,
        attempts=push.attempts,
        retry_in_s=push.retry_in_s,
    )
