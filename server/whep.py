"""``/whep/{name}``: watch an avatar that is live, by WHEP (draft-ietf-wish-whep)."""

import logging
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from server import access, counter_offer, problems, rate_limit, sdp
from server.access import Access
from server.body import read_body
from server.connections import Connections
from server.keys import Scope
from server.performance import Performance
from server.performances import Performances
from server.problems import Problem
from server.services import Services
from server.viewer import Viewer
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

PATH = "/whep"
_RETRY_AFTER_S = 10


def router(
    viewers: Connections[Viewer], performances: Performances, services: Services, guard: Access
) -> APIRouter:
    """The routes."""
    routes = APIRouter(
        tags=["watch"],
        dependencies=[guard.needs(Scope.VIEW, Scope.PUBLISH)],
        responses=access.REFUSALS,
    )
    limits = services.config.limits
    not_too_often = rate_limit.limited(
        "viewers", limits.calls_per_minute, limits.calls_burst, services.metrics
    )

    @routes.post(
        PATH + "/{name}",
        status_code=HTTPStatus.CREATED,
        response_class=Response,
        dependencies=[not_too_often],
        openapi_extra=OFFER,
        responses={
            201: described("The SDP answer"),
            406: described("No codec in common: an SDP offer instead, to be answered by PATCH"),
            409: problems.come_back("The avatar is not live"),
            503: problems.come_back("As many watch it as may"),
            **problems.refusals(400, 404, 408, 413, 415, 422),
            **rate_limit.refusals(limits.calls_per_minute, limits.calls_burst),
        },
    )
    async def watch(
        request: Request, name: str, alpha: Literal["packed"] | None = None
    ) -> Response:
        """Watch ``name`` with an SDP offer: video and audio, recvonly.

        With ``alpha=packed`` the picture is twice as high: only the person above, not multiplied
        by alpha, and alpha as grey below.
        """
        body = await read_body(request, SDP_MEDIA_TYPE, MAX_SDP_BYTES)
        try:
            offer = sdp.check_viewer(body)
        except sdp.NoCommonCodecError as error:
            logger.info("viewer gets a counter-offer", extra={"reason": error.detail})
            offer = None
        performance = await performances.get(name)
        # Nothing is waited for from here on until there is a Viewer, which takes a place.
        _check_room(performance, services.config.performance.max_viewers)
        viewer, description = await viewers.open(
            lambda viewer_id: Viewer(viewer_id, services, performance, packed=alpha is not None),
            lambda viewer: viewer.offer() if offer is None else viewer.answer(offer),
        )
        response = created(
            description,
            f"{PATH}/{name}/{viewer.id}",
            viewer.peer.etag,
            services.config.ice_servers,
        )
        if offer is None:
            counter_offer.mark(response, services.config.call.connect_timeout_s)
        return response

    @routes.options(PATH + "/{name}", response_class=Response, responses=described_options())
    async def describe(name: str) -> Response:
        """What may be posted here, and the ICE servers to use for it."""
        return endpoint_options(services.config.ice_servers)

    async def take_answer(viewer_id: str, body: bytes) -> None:
        await viewers.get(viewer_id).take_answer(body)

    add_resource_routes(
        routes, PATH + "/{name}/{resource_id}", viewers, take_answer, checks=[viewers.of_avatar()]
    )
    answer_other_methods(routes, PATH + "/{name}", "viewers come by POST")
    return routes


def _check_room(performance: Performance, max_viewers: int) -> None:
    if performance.broadcast.places_taken >= max_viewers:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too-many-viewers",
            f"{max_viewers} viewers watch {performance.name!r} already, or are about to, expected"
            " fewer: come back later",
            {"Retry-After": str(_RETRY_AFTER_S)},
        )
