import base64
import hashlib
import hmac

import pytest

from server import turn
from server.turn import IceServer

STUN = IceServer(url="stun:stun.example.org")
STATIC = IceServer(url="turn:a.example.org", username="u", credential="c")
SHARED = IceServer(url="turn:b.example.org", secret="north", credential_ttl_s=3600)


def test_known_answer() -> None:
    # printf 1700003600 | openssl dgst -sha1 -hmac north -binary | base64
    [server] = turn.fresh([SHARED], 1_700_000_000)
    assert server.username == "1700003600"
    assert server.credential == "xF4I6gruVt/PjGbjajGu2UlidPk="


def test_only_secrets_are_replaced() -> None:
    fresh = turn.fresh([STUN, SHARED, STATIC], 0)
    assert (fresh[0], fresh[2]) == (STUN, STATIC)
    assert fresh[1].url == SHARED.url
    assert fresh[1].secret is None


@pytest.mark.parametrize(
    ("now_unix_s", "expiry"), [(0, "3600"), (1.0, "3601"), (1.001, "3602"), (1.999, "3602")]
)
def test_credentials_hold_for_their_whole_time(now_unix_s: float, expiry: str) -> None:
    [server] = turn.fresh([SHARED], now_unix_s)
    assert server.username == expiry
    digest = hmac.new(b"north", expiry.encode(), hashlib.sha1).digest()
    assert server.credential == base64.b64encode(digest).decode()


def test_the_default_is_a_day() -> None:
    [server] = turn.fresh([IceServer(url="turns:b.example.org", secret="s")], 5)
    assert server.username == "86405"
