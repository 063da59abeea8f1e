"""Consent to animate a picture: its words, what is recorded of it, and ``/v1/consent``.

Whoever gives the server a picture declares that it may be animated, by sending back the words
below as they are. They are nowhere else: the page asks for them, and refusals repeat them.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from server import access
from server.access import Access
from server.keys import Scope
from server.problems import Problem

logger = logging.getLogger(__name__)

PATH = "/v1/consent"
WORDS = (
    "This picture shows me, or a person who has agreed to be animated by me and knows what for, or"
    " nobody who is alive."
)
_MAX_NAME_CHARS = 100

# How the interface's description tells of the fields to send with a picture.
FIELDS: dict[str, Any] = {
    "consent": {"type": "string", "const": WORDS, "description": f"GET {PATH} tells it"},
    "declared_by": {
        "type": "string",
        "maxLength": _MAX_NAME_CHARS,
        "description": "who declares it; without it, the name of the key that is used",
    },
}


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Consent:
    """A declaration as it is kept: who made it, when, in which words, about which picture.

    ``declared_by`` is what the client says; ``key`` names the key that it used, None on this
    machine without one; ``image_sha256`` is of the picture's file, in hexadecimal.
    """

    declared_by: Annotated[str, Field(min_length=1, max_length=_MAX_NAME_CHARS)]
    key: str | None
    at: AwareDatetime
    words: str
    image_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ConsentWords(BaseModel):
    """The words to send as ``consent`` with a picture, by whom they are true for."""

    words: str


async def declare(
    fields: Mapping[str, str], image: bytes, key: str | None, now: datetime
) -> Consent:
    """Return the record of the declaration in ``fields``, which came with ``image``; log it too.

    ``fields`` are as FIELDS has them, and others; ``key`` is the name of the key that opened the
    route, see ``access.key_name``. Raises Problem 422: ``consent`` is not there or not WORDS, or
    ``declared_by`` is no name.
    """
    words = fields.get("consent")
    if words is None or words.strip() != WORDS:
        found = "no consent" if words is None else f"other words ({words[:40]!r})"
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "consent-required",
            f"found {found}, expected the field 'consent' with exactly these, if they are true:"
            f" {WORDS}",
        )
    unnamed = "this machine" if key is None else f"the holder of the key {key!r}"
    declared_by = fields.get("declared_by", unnamed).strip()
    if not 1 <= len(declared_by) <= _MAX_NAME_CHARS:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid-declarer",
            f"found a declared_by of {len(declared_by)} characters, expected a name of 1 to"
            f" {_MAX_NAME_CHARS}, or none",
        )
    digest = await asyncio.to_thread(hashlib.sha256, image)
    consent = Consent(
        declared_by=declared_by,
        key=key,
        at=now,
        words=WORDS,
        image_sha256=digest.hexdigest(),
    )
    logger.info(
        "consent declared",
        extra={
            "declared_by": consent.declared_by,
            "key": consent.key,
            "words": consent.words,
            "image_sha256": consent.image_sha256,
        },
    )
    return consent


def router(guard: Access) -> APIRouter:
    """The route that tells the words."""
    routes = APIRouter(tags=["portraits"], responses=access.REFUSALS)

    @routes.get(PATH, dependencies=[guard.needs(Scope.PUBLISH, Scope.VIEW)])
    async def consent_words() -> ConsentWords:
        """Tell what whoever uploads a picture declares, in which words."""
        return ConsentWords(words=WORDS)

    return routes
