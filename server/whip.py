"""``/whip/{name}``: speak through an avatar by publishing sound, by WHIP (RFC 9725)."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from server import access, problems, rate_limit, sdp
from server.access import Access
from server.body import read_body
from server.connections import Connections
from server.keys import Scope
from server.performances import Performances
from server.problems import Problem
from server.publisher import Publisher
from server.services import Services
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

PATH = "/whip"


def router(
    publishers: Connections[Publisher],
    performances: Performances,
    services: Services,
    guard: Access,
) -> APIRouter:
    """The routes, by the rules of RFC 9725 section 4."""
    routes = APIRouter(
        tags=["publish"], dependencies=[guard.needs(Scope.PUBLISH)], responses=access.REFUSALS
    )
    limits = services.config.limits
    not_too_often = rate_limit.limited(
        "publishers", limits.calls_per_minute, limits.calls_burst, services.metrics
    )

    @routes.post(
        PATH + "/{name}",
        status_code=HTTPStatus.CREATED,
        response_class=Response,
        dependencies=[not_too_often],
        openapi_extra=OFFER,
        responses={
            201: described("The SDP answer"),
            409: {"description": "Somebody else speaks through this avatar"},
            503: problems.come_back("No place is free"),
            **problems.refusals(400, 404, 408, 413, 415, 422),
            **rate_limit.refusals(limits.calls_per_minute, limits.calls_burst),
        },
    )
    async def publish(request: Request, name: str) -> Response:
        """Speak through ``name`` with an SDP offer: audio sendonly. It goes live by this."""
        offer = sdp.check_publisher(await read_body(request, SDP_MEDIA_TYPE, MAX_SDP_BYTES))
        if offer.has_video and not services.config.performance.ignore_video:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "video-offered",
                "found video in the offer, expected only sound: the picture is made here",
            )
        async with performances.opened(name, access.owner(request)) as performance:
            publisher, answer = await publishers.open(
                lambda publisher_id: Publisher(publisher_id, services, performance),
                lambda publisher: publisher.answer(offer),
            )
        location = f"{PATH}/{name}/{publisher.id}"
        return created(answer, location, publisher.peer.etag, services.config.ice_servers)

    @routes.options(PATH + "/{name}", response_class=Response, responses=described_options())
    async def describe(name: str) -> Response:
        """What may be posted here, and the ICE servers to use for it."""
        return endpoint_options(services.config.ice_servers)

    add_resource_routes(
        routes, PATH + "/{name}/{resource_id}", publishers, checks=[publishers.of_avatar()]
    )
    answer_other_methods(routes, PATH + "/{name}", "publishers come by POST")
    return routes
