"""``/v1/portraits``: what can be shown, uploading another, and the still picture of each."""

from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from server import access, consent, problems, rate_limit, upload
from server.access import Access
from server.config import Config
from server.keys import Scope
from server.metrics import Metrics
from server.portraits import Portraits

PATH = "/v1/portraits"


class PortraitInfo(BaseModel):
    """One portrait of the catalog."""

    id: str
    title: str
    credit: str
    image_url: str


class UploadedPortrait(BaseModel):
    """A portrait that was just uploaded."""

    id: str
    image_url: str


def router(portraits: Portraits, config: Config, guard: Access, metrics: Metrics) -> APIRouter:
    """The routes. Who may call may also look at what it calls with."""
    routes = APIRouter(tags=["portraits"], responses=access.REFUSALS)
    limits = config.limits
    may_upload = [
        guard.needs(Scope.PUBLISH),
        rate_limit.limited("uploads", limits.uploads_per_minute, limits.uploads_burst, metrics),
    ]
    may_see = [guard.needs(Scope.VIEW, Scope.PUBLISH)]

    @routes.get(PATH, dependencies=may_see)
    async def list_portraits() -> list[PortraitInfo]:
        """List the portraits of this server, the default first."""
        return [
            PortraitInfo(id=file.id, title=file.title, credit=file.credit, image_url=_url(file.id))
            for file in portraits.files
        ]

    @routes.post(
        PATH,
        status_code=HTTPStatus.CREATED,
        dependencies=may_upload,
        openapi_extra=upload.described(
            consent.FIELDS, ["consent"], config.portraits.max_upload_bytes
        ),
        responses={
            201: {"headers": upload.location("Its still picture")},
            **problems.refusals(400, 408, 413, 415, 422, 503),
            **rate_limit.refusals(limits.uploads_per_minute, limits.uploads_burst),
        },
    )
    async def upload_portrait(request: Request, response: Response) -> UploadedPortrait:
        """Upload a picture of one face; only who knows its id can use it."""
        with portraits.upload_place():
            sent = await upload.read_upload(request, config.portraits.max_upload_bytes)
            key = access.key_name(request)
            await consent.declare(sent.fields, sent.image, key, datetime.now(UTC))
            portrait = await portraits.add(sent.image)
        response.headers["Location"] = f"{PATH}/{portrait.id}/image"
        return UploadedPortrait(id=portrait.id, image_url=_url(portrait.id))

    @routes.get(
        PATH + "/{portrait_id}/image",
        response_class=Response,
        dependencies=may_see,
        responses={200: {"content": {"image/jpeg": {}}}, **problems.refusals(404)},
    )
    async def portrait_image(portrait_id: str) -> Response:
        """Show the prepared portrait, as it looks before the stream starts."""
        portrait = await portraits.get(portrait_id)
        return Response(
            portrait.still_jpeg,
            media_type="image/jpeg",
            headers={"Cache-Control": "private, max-age=300"},
        )

    return routes


def _url(portrait_id: str) -> str:
    return f"{PATH}/{portrait_id}/image"
