import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from server import keys
from server.keys import Key, Scope, UnknownKeyError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def made(*scopes: Scope, expires: datetime | None = None) -> tuple[Key, str]:
    return keys.make("phone", scopes or (Scope.PUBLISH,), NOW, expires)


def test_a_secret_is_256_random_bits_and_only_its_hash_is_kept() -> None:
    key, secret = made()
    mark, key_id, bits = secret.split("_")
    assert (mark, key_id) == ("lk", key.id)
    assert len(bytes.fromhex(bits)) == 32
    assert key.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert bits not in repr(key)
    assert key.sha256 not in repr(key)
    assert len({made()[1] for _ in range(20)}) == 20


def test_a_secret_is_a_bearer_token_and_fits_an_address() -> None:
    """RFC 6750 section 2.1 (b64token), RFC 3986 section 3.5 (fragment)."""
    _, secret = made()
    assert secret.isascii()
    assert secret.replace("_", "").isalnum()


def test_a_key_is_found_by_its_secret() -> None:
    known = [made() for _ in range(3)]
    for key, secret in known:
        assert keys.find([key for key, _ in known], secret, NOW) is key


def test_what_is_not_the_secret_is_not_known() -> None:
    key, secret = made()
    other, others_secret = made()
    last = "1" if secret[-1] == "0" else "0"
    for presented in (
        secret[:-1] + last,
        f"lk_{key.id}_{others_secret.rpartition('_')[2]}",
        others_secret,
    ):
        with pytest.raises(UnknownKeyError, match="not known here, or was removed"):
            keys.find([key], presented, NOW)
    for presented in ("", "lk", secret[:-1], secret + "0", secret.upper(), f" {secret}", "é" * 76):
        with pytest.raises(UnknownKeyError, match="found a token that is no key"):
            keys.find([key, other], presented, NOW)


def test_a_key_ends_at_its_time() -> None:
    key, secret = made(expires=NOW + DAY)
    assert keys.find([key], secret, NOW + DAY - timedelta(seconds=1)) is key
    with pytest.raises(UnknownKeyError, match=r"'phone' expired at 2026-03-02 12:00 UTC: ask"):
        keys.find([key], secret, NOW + DAY)


@pytest.mark.parametrize(
    ("has", "allowed"),
    [
        ({Scope.PUBLISH}, {Scope.PUBLISH}),
        ({Scope.VIEW}, {Scope.VIEW}),
        ({Scope.PUBLISH, Scope.VIEW}, {Scope.PUBLISH, Scope.VIEW}),
        ({Scope.ADMIN}, set(Scope)),
    ],
)
def test_admin_implies_all(has: set[Scope], allowed: set[Scope]) -> None:
    key, _ = made(*has)
    assert {scope for scope in Scope if key.allows(scope)} == allowed
