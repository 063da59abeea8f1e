"""``/v1/avatars/{name}/live``: begin and end an avatar's performance without publishing to it."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from server import access, problems, rate_limit
from server.access import Access
from server.keys import Scope
from server.performance import Performance
from server.performances import Performances
from server.services import Services

# How the interface's description tells what `Performances.get` refuses.
NOT_LIVE: dict[int | str, dict[str, Any]] = {
    **problems.refusals(404),
    409: problems.come_back("The avatar is not live"),
}


class Live(BaseModel):
    """A performance: who gives it its voice, if anybody, and how many watch."""

    avatar: str
    portrait: str
    source: str | None
    viewers: int
    queued_ms: float


def router(performances: Performances, services: Services, guard: Access) -> APIRouter:
    """The routes."""
    routes = APIRouter(
        tags=["live"], dependencies=[guard.needs(Scope.PUBLISH)], responses=access.REFUSALS
    )
    path = "/v1/avatars/{name}/live"
    limits = services.config.limits
    not_too_often = rate_limit.limited(
        "performances", limits.calls_per_minute, limits.calls_burst, services.metrics
    )

    @routes.put(
        path,
        dependencies=[not_too_often],
        responses={
            **problems.refusals(404, 503),
            **rate_limit.refusals(limits.calls_per_minute, limits.calls_burst),
        },
    )
    async def begin(request: Request, name: str) -> Live:
        """Begin the performance, if it is not live; it ends when nobody uses it for a while."""
        return _describe(await performances.open(name, access.owner(request)))

    @routes.get(path, responses=NOT_LIVE)
    async def describe(name: str) -> Live:
        """Tell about it; 409 when it is not live."""
        return _describe(await performances.get(name))

    @routes.delete(path, status_code=HTTPStatus.NO_CONTENT, responses=NOT_LIVE)
    async def end(request: Request, name: str) -> Response:
        """End it; its viewers are disconnected. Only with the key that began it, or an admin's."""
        if not access.may_use(request, (await performances.get(name)).owner):
            raise access.not_yours("this performance")
        await performances.close(name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return routes


def _describe(performance: Performance) -> Live:
    return Live(
        avatar=performance.name,
        portrait=performance.portrait.id,
        source=performance.source,
        viewers=performance.broadcast.viewers,
        queued_ms=performance.queued_ms,
    )
