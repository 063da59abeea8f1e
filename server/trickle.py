"""ICE after the offer: the body of a PATCH (RFC 9725 sections 4.3.2 and 4.3.3, RFC 8840)."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from aiortc import RTCIceCandidate
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from server.problems import Problem

MEDIA_TYPE = "application/trickle-ice-sdpfrag"
# A browser with many networks finds a dozen per media section.
MAX_CANDIDATES = 64


@dataclass(frozen=True)
class Fragment:
    """``ice_ufrag`` names the ICE session the candidates belong to; ``complete``: all are known.

    ``ice_pwd`` matters where the session is a new one.
    """

    ice_ufrag: str | None
    ice_pwd: str | None
    candidates: tuple[RTCIceCandidate, ...]
    complete: bool


def check_count(count: int) -> None:
    """Raise Problem 422 when ``count`` ICE candidates are too many for one connection."""
    if count > MAX_CANDIDATES:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "too-many-candidates",
            f"found {count} ICE candidates in this call, expected at most {MAX_CANDIDATES}",
        )


def parse(body: bytes) -> Fragment:
    """The fragment in ``body``; candidates that cannot be used (TCP, RTCP's own) are left out.

    Raises Problem 400: not text, a line that is not ``x=...``, a malformed candidate or one
    before any ``a=mid``.
    """
    try:
        lines = [line.strip() for line in body.decode().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise _malformed(f"not text: {error}") from error
    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    mid: str | None = None
    candidates: list[RTCIceCandidate] = []
    complete = False
    for line in lines:
        if line[1:2] != "=":
            raise _malformed(f"found the line {line[:80]!r}, expected lines like 'a=...'")
        name, _, value = line[2:].partition(":")
        match line[0], name:
            case "a", "ice-ufrag":
                ice_ufrag = value
            case "a", "ice-pwd":
                ice_pwd = value
            case "a", "mid":
                mid = value
            case "a", "candidate":
                candidate = _candidate(value, mid)
                if candidate.component == 1 and candidate.protocol.lower() == "udp":
                    candidates.append(candidate)
            case "a", "end-of-candidates":
                complete = True
    return Fragment(ice_ufrag, ice_pwd, tuple(candidates), complete)


def write(
    kind: str, mid: str, parameters: RTCIceParameters, candidates: Iterable[RTCIceCandidate]
) -> str:
    """A fragment with all ``candidates`` of the media section that the others are bundled with."""
    lines = [
        f"a=ice-ufrag:{parameters.usernameFragment}",
        f"a=ice-pwd:{parameters.password}",
        f"m={kind} 9 UDP/TLS/RTP/SAVPF 0",
        f"a=mid:{mid}",
        *(f"a=candidate:{candidate_to_sdp(candidate)}" for candidate in candidates),
        "a=end-of-candidates",
    ]
    return "\r\n".join(lines) + "\r\n"


def _candidate(value: str, mid: str | None) -> RTCIceCandidate:
    if mid is None:
        raise _malformed("found a candidate before any a=mid line")
    try:
        candidate = candidate_from_sdp(value)
    except (ValueError, AssertionError, LookupError) as error:
        raise _malformed(f"found the candidate {value[:120]!r}, which is malformed") from error
    candidate.sdpMid = mid
    return candidate


def _malformed(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "invalid-sdpfrag", detail)
