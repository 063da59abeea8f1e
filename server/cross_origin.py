"""Which other sites' pages may use this server from a browser: CORS (Fetch, section 3.3)."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST_HEADERS = ("Authorization", "Content-Type", "If-Match", "If-None-Match")
# What a page needs of an answer to hold a call, beyond what every page may read.
_RESPONSE_HEADERS = ("Location", "ETag", "Link", "Retry-After", "WWW-Authenticate")


def allow(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Let pages of ``origins`` call ``app``; none: the browser keeps all other sites' pages out.

    Keys travel in a header that the page sets, so no credentials of the browser's own (cookies)
    are ever allowed.
    """
    if not origins:
        return
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=_METHODS,
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_RESPONSE_HEADERS,
        allow_credentials=False,
    )
