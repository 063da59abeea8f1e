"""The client's side of WHIP (RFC 9725): offering media to another server over HTTP."""

import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import ValidationError

from server.turn import IceServer
from server.whip_resource import MAX_SDP_BYTES, SDP_MEDIA_TYPE

logger = logging.getLogger(__name__)

_MAX_REDIRECTS = 5
_TIMEOUT_S = 10.0
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


class WhipClient:
    """One session at ``url``. ``token`` is sent as a bearer, only where ``url`` points to.

    ``ice_servers`` are those that the server has named until now (section 4.6). Nothing of the
    address but its host is ever logged: for some services the path is the secret.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, token: str | None) -> None:
        self.ice_servers: tuple[IceServer, ...] = ()
        self._http = http
        self._url = url
        self._token = token
        self._resource: tuple[str, str] | None = None

    async def find_ice_servers(self) -> None:
        """Ask which ICE servers to use (OPTIONS); not every server answers that.

        Raises PushError when it cannot be reached.
        """
        response = await self._request("OPTIONS", self._url)
        if response.is_success:
            self._learn(response)

    async def publish(self, offer: str) -> str:
        """Offer, and return the SDP answer. Raises PushError."""
        url = self._url
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._request(
                "POST", url, content=offer, headers={"Content-Type": SDP_MEDIA_TYPE}
            )
            if response.status_code not in _REDIRECTS:
                return self._accept(url, response)
            url = _target(url, response)
        raise PushError(f"found more than {_MAX_REDIRECTS} redirects", is_refusal=True)

    async def end(self) -> None:
        """End the session at the server (DELETE), if there is one."""
        if self._resource is None:
            return
        (url, etag), self._resource = self._resource, None
        try:
            response = await self._request(
                "DELETE", url, headers={"If-Match": etag} if etag else {}
            )
        except PushError as error:
            logger.info("a push was not ended at its server: %s", error)
            return
        if response.is_error and response.status_code != HTTPStatus.NOT_FOUND:
            logger.info("DELETE of a push was answered %d", response.status_code)

    def _accept(self, url: str, response: httpx.Response) -> str:
        status = response.status_code
        if status != HTTPStatus.CREATED:
            raise PushError(
                f"the server answered {_name(status)}, expected 201 Created{_hint(status)}",
                is_refusal=400 <= status < 500 and status not in _PASSING,
                retry_after_s=_retry_after(response),
            )
        location = response.headers.get("Location")
        if location is None:
            raise PushError("the server's answer has no Location: it is no WHIP endpoint")
        self._resource = _absolute(url, location), response.headers.get("ETag", "")
        self._learn(response)
        if len(response.content) > MAX_SDP_BYTES:
            raise PushError(f"the SDP answer has {len(response.content)} bytes: that is none")
        return response.text

    async def _request(
        self, method: str, url: str, content: str = "", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        sent = dict(headers or {})
        if self._token is not None and _origin(url) == _origin(self._url):
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            return await self._http.request(
                method,
                url,
                content=content or None,
                headers=sent,
                timeout=_TIMEOUT_S,
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            host = urlsplit(url).hostname
            what = str(error) or type(error).__name__
            raise PushError(f"{host} cannot be reached: {what}") from error

    def _learn(self, response: httpx.Response) -> None:
        found = parse_ice_servers(response.headers.get_list("Link"))
        self.ice_servers = tuple(dict.fromkeys((*self.ice_servers, *found)))


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


def _absolute(url: str, location: str) -> str:
    target = urljoin(url, location)
    if urlsplit(target).scheme not in ("http", "https"):
        raise PushError("the server points to what is no http(s) address", is_refusal=True)
    return target


def _target(url: str, response: httpx.Response) -> str:
    target = _absolute(url, response.headers.get("Location", ""))
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise PushError("the server redirects from https to http: not followed", is_refusal=True)
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, parts.port or default


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
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
