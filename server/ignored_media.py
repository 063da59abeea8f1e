"""Media that a publisher offers and nobody here wants, in whatever codec.

aiortc negotiates a section only in a codec that it knows, and refuses the whole offer otherwise.
So it is shown one that it knows, and the answer names what was offered (RFC 3264 section 6).
"""

from server import sdp_sections

_KNOWN = "VP8/90000"
_CODEC_LINES = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")


def in_known_codec(offer: str, kind: str) -> str:
    """``offer`` with the first format of each section of ``kind``, as one that aiortc knows."""
    sections = sdp_sections.split(offer)
    for lines in sections:
        if (payload_type := _first_format(lines, kind)) is not None:
            kept = [line for line in lines[1:] if not line.startswith(_CODEC_LINES)]
            first = " ".join([*lines[0].split()[:3], payload_type])
            lines[:] = [first, *kept, f"a=rtpmap:{payload_type} {_KNOWN}"]
    return sdp_sections.join(sections)


def in_offered_codec(answer: str, offer: str, kind: str) -> str:
    """``answer`` to ``in_known_codec(offer, kind)``, with the formats as they were offered."""
    sections = sdp_sections.split(answer)
    for lines, offered in zip(sections, sdp_sections.split(offer), strict=False):
        if (payload_type := _first_format(lines, kind)) is not None:
            kept = [line for line in lines if not line.startswith(_CODEC_LINES)]
            meant = tuple(f"{name}{payload_type} " for name in ("a=rtpmap:", "a=fmtp:"))
            lines[:] = [*kept, *(line for line in offered if line.startswith(meant))]
    return sdp_sections.join(sections)


def _first_format(lines: list[str], kind: str) -> str | None:
    """The first payload type of a section of ``kind``; None for the session and other kinds."""
    fields = lines[0].split() if lines else []
    if len(fields) < 4 or fields[0] != f"m={kind}":
        return None
    return fields[3]
