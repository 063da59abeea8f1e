"""Reading a request's body: of the right type, and never more of it than allowed."""

from http import HTTPStatus

from fastapi import Request

from server.problems import Problem


def media_type(request: Request) -> str:
    """What the body is said to be, without parameters; empty if that is not said."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, expected: str, max_bytes: int) -> bytes:
    """The body, if it is ``expected`` (``image/*`` matches any image).

    Raises Problem: 415 another type, 413 longer than ``max_bytes``.
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
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "body-too-large",
                f"found more than {max_bytes} bytes, expected at most that: send a smaller one",
            )
    return bytes(body)
