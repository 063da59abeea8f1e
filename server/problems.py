"""Errors of the HTTP interface as RFC 9457 problem details."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refused request.

    ``code`` names the kind of problem for programs (it becomes ``type``,
    ``urn:likeness:problem:<code>``); ``detail`` says to people what was found, what was expected
    and what to do.
    """

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})


def _response(
    status: HTTPStatus, problem_type: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    return JSONResponse(
        {
            "type": problem_type,
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
        },
        status_code=status.value,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def problem_response(problem: Problem) -> Response:
    """Return the answer that tells ``problem``."""
    problem_type = f"urn:likeness:problem:{problem.code}"
    return _response(problem.status, problem_type, problem.detail, problem.headers)


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return _response(HTTPStatus(error.status_code), "about:blank", str(error.detail), headers)


def _methods(request: Request) -> set[str]:
    """What a path is described to take (RFC 9110 section 15.5.6): a route knows only its own."""
    found: set[str] = set()
    for template, operations in request.app.openapi()["paths"].items():
        if compile_path(template)[0].match(request.url.path):
            found |= {method.upper() for method in operations}
    # What is not described is the page's own files.
    found = found or {"GET"}
    # Whatever can be got answers HEAD, too (`head_requests`).
    return found | {"HEAD"} if "GET" in found else found


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()
    )
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, "urn:likeness:problem:invalid-request", found)


async def _on_fault(_request: Request, _error: Exception) -> Response:
    # What it says may be no business of who asks. Starlette raises it again: the log has it.
    return problem_response(
        Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal-error",
            "the server failed at this request: its log tells why",
        )
    )


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Tell the interface's description that a route may answer with these."""
    return {
        status: come_back(HTTPStatus(status).phrase)
        if status == HTTPStatus.SERVICE_UNAVAILABLE
        else {"description": HTTPStatus(status).phrase}
        for status in statuses
    }


def come_back(description: str) -> dict[str, Any]:
    """Describe a refusal that passes, and mostly tells when."""
    seconds = {"description": "Seconds after which to ask again", "schema": {"type": "integer"}}
    return {"description": description, "headers": {"Retry-After": seconds}}


def install(app: FastAPI) -> None:
    """Let every error of ``app``, the framework's own too, leave as problem details."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(Exception, _on_fault)
