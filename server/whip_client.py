"""The client's side of WHIP (RFC 9725): offering media to another server over HTTP."""

import asyncio
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from pydantic import ValidationError

from server import web_address
from server.turn import IceServer
from server.whip_resource import MAX_SDP_BYTES, SDP_MEDIA_TYPE

logger = logging.getLogger(__name__)

_MAX_REDIRECTS = 5
# Of one request, with all of its answer.
_TIMEOUT_S = 10.0
# A push keeps those that it was told, and aiortc uses one STUN and one TURN server of them.
_MAX_ICE_SERVERS = 20
_REDIRECTS = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})
# Of the refusals (4xx), these pass: the server is busy, or still holds our last session.
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w-]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]*))?)*)")
_PARAMETER = re.compile(r";\s*([\w-]+)(?:\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]*)))?")


class PushError(Exception):
    """It could not be offered; says why.

    ``is_refusal``: the server does not want it, and asking again soon would change nothing.
    ``retry_after_s``: when it wants to be asked again, if it told.
    """

    def __init__(
        self, reason: str, *, is_refusal: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(reason)
        self.is_refusal = is_refusal
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class _Answer:
    """``body``: what came of it, at most a little more than an SDP answer may have."""

    status: int
    headers: httpx.Headers
    body: bytes


class WhipClient:
    """One session at ``url``. ``token`` is sent as a bearer, only where ``url`` points to.

    ``ice_servers`` are those that the server has named until now (section 4.6), those that it named
    last first. Nothing of the address but its host is ever logged: for some services the path is
    the secret.
    """

    def __init__(self, http: httpx.AsyncClient, url: httpx.URL, token: str | None) -> None:
        self.ice_servers: tuple[IceServer, ...] = ()
        self._http = http
        self._url = url
        self._token = token
        self._resource: tuple[httpx.URL, str] | None = None

    async def find_ice_servers(self) -> None:
        """Ask which ICE servers to use (OPTIONS); not every server answers that.

        Raises PushError when it cannot be reached.
        """
        answer = await self._request("OPTIONS", self._url)
        if httpx.codes.is_success(answer.status):
            self._learn(answer)

    async def publish(self, offer: str) -> str:
        """Offer, and return the SDP answer. Raises PushError."""
        url = self._url
        for _ in range(_MAX_REDIRECTS + 1):
            answer = await self._request(
                "POST", url, content=offer, headers={"Content-Type": SDP_MEDIA_TYPE}
            )
            if answer.status not in _REDIRECTS:
                return self._accept(url, answer)
            url = _target(url, answer)
        raise PushError(f"found more than {_MAX_REDIRECTS} redirects", is_refusal=True)

    async def end(self) -> None:
        """End the session at the server (DELETE), if there is one."""
        if self._resource is None:
            return
        (url, etag), self._resource = self._resource, None
        try:
            answer = await self._request("DELETE", url, headers={"If-Match": etag} if etag else {})
        except PushError as error:
            logger.info("a push was not ended at its server: %s", error)
            return
        if httpx.codes.is_error(answer.status) and answer.status != HTTPStatus.NOT_FOUND:
            logger.info("DELETE of a push was answered %d", answer.status)

    def _accept(self, url: httpx.URL, answer: _Answer) -> str:
        status = answer.status
        if status != HTTPStatus.CREATED:
            raise PushError(
                f"the server answered {_name(status)}, expected 201 Created{_hint(status)}",
                is_refusal=400 <= status < 500 and status not in _PASSING,
                retry_after_s=_retry_after(answer),
            )
        location = answer.headers.get("Location")
        if location is None:
            raise PushError("the server's answer has no Location: it is no WHIP endpoint")
        self._resource = _absolute(url, location), answer.headers.get("ETag", "")
        self._learn(answer)
        if len(answer.body) > MAX_SDP_BYTES:
            raise PushError(f"the SDP answer has more than {MAX_SDP_BYTES} bytes: that is none")
        packed = answer.headers.get("Content-Encoding", "identity")
        if packed != "identity":
            raise PushError(f"the SDP answer is packed as {packed!r}, which was not asked for")
        return answer.body.decode(errors="replace")

    async def _request(
        self, method: str, url: httpx.URL, content: str = "", headers: dict[str, str] | None = None
    ) -> _Answer:
        # What is packed may be of any size when it is unpacked.
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        if self._token is not None and _origin(url) == _origin(self._url):
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            # The timeout of httpx is one of each read: with a byte now and then it never passes.
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._http.stream(
                    method,
                    url,
                    content=content or None,
                    headers=sent,
                    timeout=_TIMEOUT_S,
                    follow_redirects=False,
                ) as response,
            ):
                return _Answer(response.status_code, response.headers, await _body(response))
        except TimeoutError as error:
            raise PushError(f"{url.host} did not answer within {_TIMEOUT_S:g} s") from error
        # InvalidURL: httpx looks at a redirection even if it is not to follow it. UnicodeError: an
        # ETag that the server gave, say, which no header can carry back.
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            what = str(error) or type(error).__name__
            raise PushError(f"{url.host} cannot be reached: {what}") from error

    def _learn(self, answer: _Answer) -> None:
        # Its last credentials are the ones that hold.
        by_url: dict[str, IceServer] = {}
        for server in (*parse_ice_servers(answer.headers.get_list("Link")), *self.ice_servers):
            by_url.setdefault(server.url, server)
        self.ice_servers = tuple(by_url.values())[:_MAX_ICE_SERVERS]


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for data in response.aiter_raw():
        body += data
        if len(body) > MAX_SDP_BYTES:
            break
    return bytes(body)


def parse_ice_servers(links: Iterable[str]) -> list[IceServer]:
    """The ICE servers in ``Link`` headers (RFC 9725 section 4.6); what cannot be used is left."""
    found = []
    for link in links:
        for url, text in _LINK.findall(link):
            values = {name.lower(): a or b for name, a, b in _PARAMETER.findall(text)}
            if values.get("rel") != "ice-server":
                continue
            try:
                server = IceServer(
                    url=url,
                    username=values.get("username"),
                    credential=values.get("credential"),
                )
            except ValidationError:
                logger.warning("an ICE server that was named cannot be used")
                continue
            found.append(server)
    return found


def _absolute(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return web_address.join(url, location)
    except ValueError as error:
        raise PushError(
            f"the server points to what is no http(s) address: {error}", is_refusal=True
        ) from error


def _target(url: httpx.URL, answer: _Answer) -> httpx.URL:
    target = _absolute(url, answer.headers.get("Location", ""))
    if url.scheme == "https" and target.scheme == "http":
        raise PushError("the server redirects from https to http: not followed", is_refusal=True)
    return target


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return what makes two addresses the same server; httpx leaves the usual port out."""
    return url.scheme, url.host, url.port


def _retry_after(answer: _Answer) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _name(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _hint(status: int) -> str:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return ": check the token"
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
            return ": check the address"
        case _:
            return ""
