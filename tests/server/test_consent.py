import hashlib
import logging
from datetime import UTC, datetime

import pytest

from server import consent
from server.consent import WORDS, Consent
from server.problems import Problem
from tests.server.conftest import Serve

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "key", "declared_by"),
    [
        ({}, None, "this machine"),
        ({}, "phone", "the holder of the key 'phone'"),
        ({"declared_by": " Ann "}, "phone", "Ann"),
    ],
)
async def test_a_declaration_says_who_when_what_and_of_which_picture(
    fields: dict[str, str],
    key: str | None,
    declared_by: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        declared = await consent.declare({"consent": f" {WORDS}\n", **fields}, b"x", key, NOW)
    digest = hashlib.sha256(b"x").hexdigest()
    assert declared == Consent(
        declared_by=declared_by, key=key, at=NOW, words=WORDS, image_sha256=digest
    )
    told = vars(caplog.records[0])
    assert (told["declared_by"], told["key"]) == (declared_by, key)
    assert (told["words"], told["image_sha256"]) == (WORDS, digest)


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({}, "consent-required", "found no consent"),
        ({"consent": ""}, "consent-required", r"found other words \(''\)"),
        ({"consent": "true"}, "consent-required", "if they are true: This picture shows"),
        ({"consent": WORDS.lower()}, "consent-required", "exactly these"),
        ({"consent": WORDS, "declared_by": " "}, "invalid-declarer", "a name of 1 to 100, or none"),
        ({"consent": WORDS, "declared_by": "x" * 101}, "invalid-declarer", "101 characters"),
    ],
)
async def test_anything_else_is_no_consent(fields: dict[str, str], code: str, says: str) -> None:
    with pytest.raises(Problem, match=says) as caught:
        await consent.declare(fields, b"x", None, NOW)
    assert (caught.value.status, caught.value.code) == (422, code)


async def test_the_words_are_told(serve: Serve) -> None:
    async with serve(ready=False) as running:
        assert (await running.http.get("/v1/consent")).json() == {"words": WORDS}
