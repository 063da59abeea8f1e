"""Reading a request's body: of the right type, and never more of it than allowed."""

from http import HTTPStatus

from fastapi import Request

from server.problems import Problem


async def read_body(request: Request, media_type: str, max_bytes: int) -> bytes:
    """The body, if it is ``media_type`` (``image/*`` matches any image).

    Raises Problem: 415 another type, 413 longer than ``max_bytes``.
    """
    found = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    wanted = media_type.removesuffix("*")
    if not (found == wanted or (wanted.endswith("/") and found.startswith(wanted))):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"found Content-Type {found or '(none)'}, expected {media_type}",
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "body-too-large",
                f"found more than {max_bytes} bytes, expected at most that: send a smaller one",
            )
    return bytes(body)
