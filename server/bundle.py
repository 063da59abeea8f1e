"""Media sections that share one transport (BUNDLE, RFC 9143), and those that are rejected.

With the policy max-bundle an offer says in one section how it is reached, and the others have port
0 and ``a=bundle-only`` (RFC 9429 section 4.1.1); so has the answer in the example of RFC 9725. Port
0 without that rejects a section (RFC 3264 section 6). aiortc knows neither: it wants the transport
in every section, and accepts what has port 0. Here is made what it understands.
"""

from collections.abc import Iterator

from server import sdp_sections
from server.sdp_sections import kind_of, mid_of

_GROUP = "a=group:BUNDLE "
_BUNDLE_ONLY = "a=bundle-only"
# What stands for an address that ICE finds (RFC 8840 section 4.1.1): the port of "discard".
_ANY_PORT = "9"
# aiortc fails at others.
_KINDS = ("audio", "video", "application")
# Of the category TRANSPORT in RFC 8859, as far as aiortc reads it, and a=rtcp-mux. Candidates too:
# of sections that share a transport, aiortc takes those of the last.
_TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:", "a=candidate:")
_MUX = "a=rtcp-mux"
_TRANSPORT_FLAGS = (_MUX, "a=end-of-candidates")


def spread(sdp: str) -> str:
    """``sdp`` with the transport of each group in all of its sections, none of them bundle-only.

    It is that of the group's first section that can be used (RFC 9143 section 7.3.1). What is
    bundle-only in no such group keeps its port 0. No group names a section twice.
    """
    session, *media = sdp_sections.split(sdp)
    session = [_GROUP + " ".join(mids) if (mids := _mids(line)) else line for line in session]
    for tagged, others in _groups(session, media):
        transport = [line for line in tagged if _is_transport(line)]
        # A data channel that leads has no RTCP of its own; bundled media all share one port.
        if _MUX not in transport and any(_MUX in lines for lines in others):
            transport.append(_MUX)
        for lines in others:
            if _has_port(lines) or _BUNDLE_ONLY in lines:
                own = [line for line in lines[1:] if not _is_transport(line)]
                lines[:] = [_with_port(lines[0]), *own, *transport]
    return sdp_sections.join([session, *media])


def transport_lines(sdp: str) -> list[str]:
    """The lines of ``sdp`` that ``spread`` may copy into other sections."""
    return [line for line in sdp.splitlines() if _is_transport(line)]


def group_lines(sdp: str) -> list[str]:
    """The lines of ``sdp`` for each of which ``spread`` may change every section."""
    return [line for line in sdp.splitlines() if line.startswith(_GROUP)]


def tagged_mid(sdp: str) -> str | None:
    """The mid of the section whose ICE candidates are those of its group; None: no group."""
    session, *media = sdp_sections.split(sdp)
    return next((mid_of(tagged) for tagged, _ in _groups(session, media)), None)


def has_one_transport(offer: str) -> bool:
    """Whether all sections of ``offer``, spread, that are not rejected share one."""
    session, *media = sdp_sections.split(offer)
    wanted = [lines for lines in media if not _is_rejected(lines)]
    groups = [[tagged, *others] for tagged, others in _groups(session, media)]
    # By identity: to compare two sections takes as long as they are alike.
    return len(wanted) < 2 or any(
        {id(lines) for lines in wanted} <= {id(lines) for lines in group} for group in groups
    )


def led_by(sdp: str, kind: str) -> str:
    """``sdp``, spread, with its first section of ``kind`` as the first of the group.

    aiortc would end the transport that is shared if another one led.
    """
    session, *media = sdp_sections.split(sdp)
    leader = next((mid_of(lines) for lines in media if kind_of(lines) == kind), None)
    for index, line in enumerate(session):
        mids = _mids(line)
        if leader in mids:
            session[index] = _GROUP + " ".join(sorted(mids, key=lambda mid: mid != leader))
    return sdp_sections.join([session, *media])


def without_rejected(offer: str) -> str:
    """``offer``, spread, without the sections that it rejects, and those of an unknown kind."""
    session, *media = sdp_sections.split(offer)
    return sdp_sections.join([session, *(lines for lines in media if not _is_rejected(lines))])


def with_rejected(answer: str, offer: str) -> str:
    """``answer`` to ``without_rejected(offer)``, and those rejected (RFC 9429 section 5.3.1)."""
    session, *media = sdp_sections.split(answer)
    answered = iter(media)
    return sdp_sections.join(
        [
            session,
            *(
                _rejection(lines) if _is_rejected(lines) else next(answered)
                for lines in sdp_sections.split(offer)[1:]
            ),
        ]
    )


def _groups(
    session: list[str], media: list[list[str]]
) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Yield the tagged section of each group, and its others; groups without one are left out."""
    by_mid = {mid_of(lines): lines for lines in media}
    for line in session:
        group = [by_mid[mid] for mid in _mids(line) if mid in by_mid]
        usable = [lines for lines in group if _has_port(lines) and not _is_rejected(lines)]
        if usable:
            yield usable[0], [lines for lines in group if lines is not usable[0]]


def _mids(line: str) -> list[str]:
    """The sections that ``line`` bundles, each once; none if it bundles nothing."""
    return list(dict.fromkeys(line[len(_GROUP) :].split())) if line.startswith(_GROUP) else []


def _is_transport(line: str) -> bool:
    return line.startswith(_TRANSPORT) or line in _TRANSPORT_FLAGS


def _has_port(lines: list[str]) -> bool:
    """Whether it has a port other than 0; false for what is no section either."""
    fields = lines[0].split()
    return len(fields) > 1 and set(fields[1]) != {"0"}


def _with_port(line: str) -> str:
    media, port, *others = line.split()
    return " ".join([media, port if set(port) != {"0"} else _ANY_PORT, *others])


def _is_rejected(lines: list[str]) -> bool:
    # One that is cut off is left to the parser, which refuses it.
    is_whole = len(lines[0].split()) > 3
    return is_whole and (kind_of(lines) not in _KINDS or not _has_port(lines))


def _rejection(lines: list[str]) -> list[str]:
    media, _, *others = lines[0].split()
    name = [line for line in lines if line.startswith("a=mid:")]
    return [" ".join([media, "0", *others]), "c=IN IP4 0.0.0.0", *name, "a=inactive"]
