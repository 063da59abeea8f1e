"""``/healthz``, ``/readyz``, ``/metrics``: what machines ask a server."""

import logging
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from server.admission import Admission
from server.capacity import Capacity, measure
from server.metrics import CONTENT_TYPE
from server.portraits import Portrait
from server.problems import Problem
from server.session import Services

logger = logging.getLogger(__name__)


async def warm_up(services: Services, admission: Admission, default: Portrait) -> None:
    """Start inference, warm the model, learn how many calls fit, then let them in.

    Raises what the model raises when it cannot compute on this machine.
    """
    inference, config = services.inference, services.config

    def prepare() -> Capacity:
        inference.avatar.warm_up()
        return measure(inference.avatar, default.identity, config.video)

    capacity = await inference.start(prepare)
    admission.max_sessions = config.call.max_sessions or capacity.sessions
    services.metrics.max_sessions.set(admission.max_sessions)
    services.metrics.ready.set(1)
    logger.info(
        "ready",
        extra={
            "max_sessions": admission.max_sessions,
            "hop_ms": round(capacity.hop_ms, 1),
            "realtime_factor": round(capacity.realtime_factor, 2),
        },
    )


def router(services: Services, admission: Admission) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        """500 when the server must be restarted: the inference thread has died."""
        if services.inference.has_died:
            raise Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "inference-died",
                "the inference thread has ended: see the log, restart the server",
            )
        return {"status": "ok"}

    @routes.get("/readyz")
    async def readyz() -> dict[str, int | str]:
        """200 once calls are taken, 503 before."""
        if admission.max_sessions is None or not services.inference.is_alive:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "starting",
                "the model is not warm yet: ask again",
                {"Retry-After": "1"},
            )
        return {
            "status": "ready",
            "sessions": admission.sessions,
            "max_sessions": admission.max_sessions,
        }

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Metrics in the text format of Prometheus."""
        return Response(services.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    return routes
