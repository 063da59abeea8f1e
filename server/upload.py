"""Pictures that come over HTTP, with fields beside them: ``multipart/form-data`` (RFC 7578)."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from server.body import read_body
from server.problems import Problem

MEDIA_TYPE = "multipart/form-data"
IMAGE_FIELD = "image"

# Who sends no faster than this would hold a place that others wait for.
_TIMEOUT_S = 60
_MAX_FIELDS = 16
_MAX_FIELD_BYTES = 4096
# What all fields, their headers and the boundaries between them may take beside the picture.
_MAX_FORM_BYTES = 128 * 1024
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Upload:
    """A picture's file, and the text fields that came with it."""

    image: bytes
    fields: dict[str, str]


async def read_upload(request: Request, max_image_bytes: int) -> Upload:
    """The upload in the body.

    Raises Problem: 408 too slow, 413 too long, 415 not a form or not a picture, 400 no proper form,
    422 no picture in it.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            body = await read_body(request, MEDIA_TYPE, max_image_bytes + _MAX_FORM_BYTES)
    except TimeoutError as error:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            "upload-too-slow",
            f"the picture was not here after {_TIMEOUT_S} s: send a smaller one",
        ) from error
    parser = MultiPartParser(
        request.headers,
        _in_pieces(body),
        max_files=1,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "invalid-form", f"found no proper {MEDIA_TYPE}: {error.message}"
        ) from error
    try:
        file = form.get(IMAGE_FIELD)
        if not isinstance(file, UploadFile):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "image-required",
                f"found no picture, expected one as the file {IMAGE_FIELD!r}",
            )
        _check_is_image(file)
        image = await file.read()
    finally:
        await form.close()
    if len(image) > max_image_bytes:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body-too-large",
            f"found a picture of {len(image)} bytes, expected at most {max_image_bytes}: send a"
            " smaller one",
        )
    return Upload(image, {key: value for key, value in form.items() if isinstance(value, str)})


def described(fields: dict[str, Any], required: list[str], max_image_bytes: int) -> dict[str, Any]:
    """How the interface's description tells of such a body: JSON schemas of ``fields`` by name."""
    image = {
        "type": "string",
        "format": "binary",
        "maxLength": max_image_bytes,
        "description": f"a picture of one face, of at most {max_image_bytes} bytes",
    }
    schema = {
        "type": "object",
        "properties": {IMAGE_FIELD: image, **fields},
        "required": [IMAGE_FIELD, *required],
    }
    return {"requestBody": {"content": {MEDIA_TYPE: {"schema": schema}}, "required": True}}


def location(description: str) -> dict[str, Any]:
    """How it tells of the header Location of what was made."""
    return {"Location": {"description": description, "schema": {"type": "string"}}}


def _check_is_image(file: UploadFile) -> None:
    found = (file.content_type or "").lower()
    # What cannot tell the type of a file says it is bytes; then decoding tells.
    if not found.startswith("image/") and found != "application/octet-stream":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"found a file of type {found or '(none)'}, expected image/*",
        )


async def _in_pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    """Let others have the event loop between the pieces: parsing 32 MB takes some 0.2 s."""
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]
        await asyncio.sleep(0)
