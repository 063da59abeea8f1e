"""WHEP's counter-offer: who offers nothing that we can send is offered what we can.

draft-ietf-wish-whep, "Server Sends Counter-offer": a 406 with our SDP offer, valid until a time
that is named, and answered by a PATCH.
"""

import time
from email.utils import formatdate
from http import HTTPStatus

from starlette.responses import Response


def only_multiplexed(offer: str) -> str:
    """``offer`` saying in each section that RTCP shares the port of RTP (RFC 8858 section 3)."""
    return offer.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n")


def mark(response: Response, valid_s: float) -> None:
    """Make ``response``, of a session that is created, that of a counter-offer."""
    response.status_code = HTTPStatus.NOT_ACCEPTABLE
    until = formatdate(int(time.time() + valid_s), usegmt=True)
    response.headers["Content-Type"] += f'; valid-until="{until}"'
