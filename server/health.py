"""``/healthz``, ``/readyz``, ``/metrics``: what machines ask a server."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from server import access, problems
from server.access import Access
from server.admission import Admission
from server.keys import Scope
from server.metrics import CONTENT_TYPE
from server.problems import Problem
from server.services import Services


def router(services: Services, admission: Admission, guard: Access) -> APIRouter:
    """The routes; whether it lives and is ready, a server tells everyone."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", responses=problems.refusals(500))
    async def healthz() -> dict[str, str]:
        """500 when the server must be restarted: the inference thread has died."""
        if services.inference.has_died:
            raise Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "inference-died",
                "the inference thread has ended: see the log, restart the server",
            )
        return {"status": "ok"}

    @routes.get("/readyz", responses=problems.refusals(503))
    async def readyz() -> dict[str, int | str]:
        """200 while calls are taken; 503 before, and once the inference thread has died."""
        max_sessions = admission.check_open()
        return {
            "status": "ready",
            "sessions": admission.sessions,
            "max_sessions": max_sessions,
        }

    @routes.get(
        "/metrics",
        response_class=Response,
        dependencies=[guard.needs(Scope.ADMIN)],
        responses=access.REFUSALS,
    )
    async def metrics() -> Response:
        """Metrics in the text format of Prometheus."""
        return Response(services.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    return routes
