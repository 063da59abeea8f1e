"""Which other sites' pages may use this server from a browser: CORS (Fetch, section 3.3)."""

from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection

from server.config import ANY_ORIGIN
from server.problems import Problem

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
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


def check(client: HTTPConnection, origins: tuple[str, ...]) -> None:
    """Keep pages of other sites off what CORS says nothing about: WebSockets, and plain forms.

    A browser sends a form to any server without asking it first (Fetch, "no-cors"), and only keeps
    the answer from the page. Raises Problem 403, unless the page is this server's own or of one of
    ``origins``. Programs that are no browser send no Origin (RFC 6455 section 10.2).
    """
    origin = client.headers.get("origin")
    if origin is None or origin in origins or ANY_ORIGIN in origins:
        return
    if urlsplit(origin).netloc.lower() == client.headers.get("host", "").lower():
        return
    raise Problem(
        HTTPStatus.FORBIDDEN,
        "foreign-origin",
        f"found a page of {origin!r}, expected one of this server's: add it to"
        " http.allowed_origins if it may speak here",
    )
