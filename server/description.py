"""The interface's description (OpenAPI): what FastAPI would answer, corrected to what we do."""

from typing import Any

from fastapi import FastAPI

from server import problems

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457)",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "its kind: urn:likeness:problem:..."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was found and expected, for people"},
    },
}
_REFERENCE = {"$ref": "#/components/schemas/Problem"}


def install(app: FastAPI) -> None:
    """Let ``app`` describe its refusals as the problem details that they are."""
    described = app.openapi

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = described()
            schema["info"]["description"] = _DESCRIPTION
            _describe_refusals(schema)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


_DESCRIPTION = """\
One portrait that speaks: calls and performances by WebRTC, and what is around them.

Media are negotiated by WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep). An avatar can also be given
its voice by a WebSocket, `/v1/avatars/{name}/audio`. Numbers are those that this server is
configured to. Names of avatars have letters, digits, `.`, `_` and `-`, 64 at most. Whatever is
refused is told as a problem (RFC 9457) with words for people in `detail`."""


def _describe_refusals(schema: dict[str, Any]) -> None:
    schemas = schema["components"]["schemas"]
    schemas["Problem"] = _PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for operations in schema["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                # WHEP's counter-offer is an answer of its own.
                is_own = set(answer.get("content", {})) - {"application/json", problems.MEDIA_TYPE}
                if status >= "400" and not is_own:
                    answer["content"] = {problems.MEDIA_TYPE: {"schema": _REFERENCE}}
