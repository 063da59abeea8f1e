"""Reading a request's body: of the right type, and never more of it than allowed."""

import asyncio
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from server.problems import Problem

JSON = "application/json"
_MAX_JSON_BYTES = 4096
# Who sends no faster than this holds a connection that others wait for.
_TIMEOUT_S = 60

M = TypeVar("M", bound=BaseModel)


def media_type(request: Request) -> str:
    """What the request says its body is, in lower case without parameters; "" if it does not."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, expected: str, max_bytes: int) -> bytes:
    """The body, if its media type is ``expected`` (``image/*`` matches any image).

    Raises Problem: 415 another type, 413 longer than ``max_bytes``, 408 not here in time.
    """
    found = media_type(request)
    wanted = expected.removesuffix("*")
    if not (found == wanted or (wanted.endswith("/") and found.startswith(wanted))):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"found Content-Type {found or '(none)'}, expected {expected}",
        )
    body = bytearray()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise Problem(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        "body-too-large",
                        f"found more than {max_bytes} bytes, expected at most that: send a smaller"
                        " one",
                    )
    except TimeoutError as error:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            "upload-too-slow",
            f"the body was not here after {_TIMEOUT_S:g} s, but {len(body)} bytes of it: send it"
            " faster",
        ) from error
    return bytes(body)


async def read_json(request: Request, model: type[M], max_bytes: int = _MAX_JSON_BYTES) -> M:
    """Return the body as a ``model``.

    A route that lets FastAPI read its body holds all of it in memory, of whatever length, before
    it has asked for a key. Raises Problem as ``read_body``, and 422: not JSON, or not of this kind.
    """
    body = await read_body(request, JSON, max_bytes)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        # What was found may be a secret.
        found = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", found) from error


def described_json(model: type[BaseModel]) -> dict[str, Any]:
    """Describe for OpenAPI the body that ``read_json`` reads."""
    return {
        "requestBody": {
            "description": f"At most {_MAX_JSON_BYTES} bytes",
            "content": {JSON: {"schema": model.model_json_schema()}},
            "required": True,
        }
    }
