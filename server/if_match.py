"""``If-Match`` of a PATCH to a WHIP resource (RFC 9110 section 13.1.1, RFC 9725 section 4.3.1)."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import Header

from server.problems import Problem

# The examples of RFC 9725 section 4.3.3 and of WHEP write it as if it were an entity tag.
_ANY = ("*", '"*"')
# A comma within quotes is part of the tag.
_MEMBER = re.compile(r'(?:[^,"]|"[^"]*")+')

IfMatch = Annotated[
    list[str] | None,
    Header(
        alias="If-Match",
        description='The ETag of the ICE session, or "*" for whichever there is; needed for ICE',
    ),
]


def check(fields: Sequence[str] | None, etag: str) -> None:
    """Let pass what names ``etag``, strongly (RFC 9110 section 8.8.3.2), or any.

    Raises Problem, 428: no such header. 412: it names others.
    """
    if not fields:
        raise Problem(
            HTTPStatus.PRECONDITION_REQUIRED,
            "if-match-required",
            f"found no If-Match header, expected the ETag {etag} (RFC 9725 4.3.1)",
        )
    found = ", ".join(fields)
    members = [member.strip() for member in _MEMBER.findall(found)]
    if not any(member == etag or member in _ANY for member in members):
        raise Problem(
            HTTPStatus.PRECONDITION_FAILED,
            "other-ice-session",
            f"found If-Match: {found}, expected the ETag {etag}",
        )
