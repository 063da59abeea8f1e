"""``/v1/avatars``: named avatars, made, looked at, changed and deleted."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError
from starlette.responses import Response

from server import access, consent, problems, rate_limit, upload
from server.access import Access
from server.avatar_store import Record, Settings
from server.avatars import Avatars
from server.body import read_body
from server.config import Config
from server.consent import Consent
from server.keys import NAME_PATTERN, Scope
from server.metrics import Metrics
from server.portraits import PortraitFile, Portraits
from server.problems import Problem

PATH = "/v1/avatars"
_MAX_SETTINGS_BYTES = 4096
_SETTINGS: TypeAdapter[Settings] = TypeAdapter(Settings)
_CHANGES: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_SETTINGS_SCHEMA = _SETTINGS.json_schema()

# A slash is let into it to be refused in words, not as an address that does not exist.
_NAMED = PATH + "/{name:path}"
IfNoneMatch = Annotated[str, Header(alias="If-None-Match", description='"*": replace none')]
Name = Annotated[str, Path(pattern=NAME_PATTERN, description="letters, digits, '.', '_' and '-'")]


class AvatarInfo(BaseModel):
    """One avatar. A built-in one cannot be changed or deleted, and has the default settings."""

    name: str
    title: str
    credit: str
    built_in: bool
    still_url: str
    settings: Settings


class AvatarDetails(AvatarInfo):
    """One avatar, with what was declared when it was made; nothing of that for a built-in one."""

    consent: Consent | None
    created: AwareDatetime | None
    changed: AwareDatetime | None


def router(
    avatars: Avatars, portraits: Portraits, config: Config, guard: Access, metrics: Metrics
) -> APIRouter:
    """The routes.

    Who may watch or call may see what there is; what was declared of it is for who may call. Only
    admins change it.
    """
    routes = APIRouter(tags=["avatars"], responses=access.REFUSALS)
    limits = config.limits
    may_see = [guard.needs(Scope.VIEW, Scope.PUBLISH)]
    may_know = [guard.needs(Scope.PUBLISH)]
    may_change = [guard.needs(Scope.ADMIN)]
    not_too_often = rate_limit.limited(
        "avatars", limits.uploads_per_minute, limits.uploads_burst, metrics
    )

    @routes.get(PATH, dependencies=may_see)
    async def list_avatars() -> list[AvatarInfo]:
        """List the avatars: the built-in portraits, the default first, then the others by name."""
        return [
            *(_built_in(file) for file in portraits.files),
            *(_info(record) for record in await avatars.all()),
        ]

    @routes.get(
        PATH + "/{name}/still.jpg",
        response_class=Response,
        dependencies=may_see,
        responses={200: {"content": {"image/jpeg": {}}}, **problems.refusals(404)},
    )
    async def avatar_still(name: Name) -> Response:
        """Show the prepared portrait, as it looks before the stream starts."""
        return Response(
            await avatars.still(name),
            media_type="image/jpeg",
            # The avatar may be made anew, or be gone, the next moment.
            headers={"Cache-Control": "private, no-cache"},
        )

    @routes.get(_NAMED, dependencies=may_know, responses=problems.refusals(404))
    async def get_avatar(name: Name) -> AvatarDetails:
        """Tell all that is known of one avatar."""
        for file in portraits.files:
            if file.id == name:
                about = dict(_built_in(file))
                return AvatarDetails(**about, consent=None, created=None, changed=None)
        return _details(await avatars.record(name))

    @routes.put(
        _NAMED,
        dependencies=[*may_change, not_too_often],
        status_code=HTTPStatus.CREATED,
        openapi_extra=upload.described(
            {**_SETTINGS_SCHEMA["properties"], **consent.FIELDS},
            ["consent"],
            config.portraits.max_upload_bytes,
        ),
        responses={
            200: {
                "model": AvatarDetails,
                "description": "There was one of this name: replaced",
                "headers": upload.location("The avatar"),
            },
            201: {"headers": upload.location("The avatar")},
            **problems.refusals(400, 404, 408, 409, 412, 413, 415, 503),
            **rate_limit.refusals(limits.uploads_per_minute, limits.uploads_burst),
        },
    )
    async def put_avatar(
        name: Name, request: Request, response: Response, if_none_match: IfNoneMatch = ""
    ) -> AvatarDetails:
        """Make an avatar of a picture of one face, or make it anew.

        Settings that are not given are the default ones. With ``If-None-Match: *``, an avatar that
        is there is not replaced (412).
        """
        avatars.check_changeable(name)
        with portraits.upload_place():
            sent = await upload.read_upload(request, config.portraits.max_upload_bytes)
            key = access.key_name(request)
            declared = await consent.declare(sent.fields, sent.image, key, datetime.now(UTC))
            settings = {k: v for k, v in sent.fields.items() if k not in consent.FIELDS}
            record, is_new = await avatars.put(
                name,
                sent.image,
                _settings(settings),
                declared,
                replace=if_none_match.strip() != "*",
            )
        response.status_code = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        response.headers["Location"] = f"{PATH}/{name}"
        return _details(record)

    @routes.patch(
        _NAMED,
        dependencies=may_change,
        openapi_extra={
            "requestBody": {
                "description": f"At most {_MAX_SETTINGS_BYTES} bytes",
                "content": {"application/json": {"schema": _SETTINGS_SCHEMA}},
                "required": True,
            }
        },
        responses=problems.refusals(400, 404, 408, 409, 413, 415),
    )
    async def change_avatar(name: Name, request: Request) -> AvatarDetails:
        """Change some settings: for calls that select the avatar from now on."""
        body = await read_body(request, "application/json", _MAX_SETTINGS_BYTES)
        try:
            changes = _CHANGES.validate_json(body)
        except ValidationError as error:
            raise _invalid(error) from error
        return _details(
            await avatars.change(
                name, lambda known: _settings({**_SETTINGS.dump_python(known), **changes})
            )
        )

    @routes.delete(
        _NAMED,
        status_code=HTTPStatus.NO_CONTENT,
        dependencies=may_change,
        responses=problems.refusals(404, 409),
    )
    async def delete_avatar(name: Name) -> Response:
        """Delete an avatar and its picture. Calls that show it go on with it."""
        await avatars.delete(name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return routes


def _settings(fields: dict[str, Any]) -> Settings:
    try:
        return _SETTINGS.validate_python(fields)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> Problem:
    found = "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'settings'}: {item['msg']}"
        for item in error.errors(include_url=False)
    )
    expected = ", ".join(_SETTINGS_SCHEMA["properties"])
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-settings",
        f"{found}; expected some of: {expected}",
    )


def _info(record: Record) -> AvatarInfo:
    return AvatarInfo(
        name=record.name,
        title=record.name,
        credit="",
        built_in=False,
        still_url=_still_url(record.name, record.consent.image_sha256[:12]),
        settings=record.settings,
    )


def _details(record: Record) -> AvatarDetails:
    return AvatarDetails(
        **dict(_info(record)),
        consent=record.consent,
        created=record.created,
        changed=record.changed,
    )


def _built_in(file: PortraitFile) -> AvatarInfo:
    return AvatarInfo(
        name=file.id,
        title=file.title,
        credit=file.credit,
        built_in=True,
        still_url=_still_url(file.id),
        settings=Settings(),
    )


def _still_url(name: str, version: str = "") -> str:
    """The address of a still: another one when it shows another picture, for who keeps them."""
    return f"{PATH}/{name}/still.jpg" + (f"?v={version}" if version else "")
