"""Addresses of other servers, looked at before anything is asked there."""

import httpx

_MAX_PORT = 65_535


def parse(text: str) -> httpx.URL:
    """Return ``text`` as what httpx takes; raises ValueError for what nobody can be asked by.

    The error never quotes it: for some services the path is the secret.
    """
    try:
        url = httpx.URL(text)
        # As it is looked up, which has rules of its own: "a..b" is no name.
        url.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError("found a host or a port that is none: check the address") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("found no host behind http:// or https://")
    if url.port is not None and not 0 < url.port <= _MAX_PORT:
        raise ValueError(f"found port {url.port}, expected 1 to {_MAX_PORT}")
    return url


def check(text: str) -> str:
    """Return ``text`` as it is, for the configuration; raises ValueError as ``parse``."""
    parse(text)
    return text


def join(base: httpx.URL, reference: str) -> httpx.URL:
    """Return what ``reference`` means in an answer of ``base``; raises ValueError as ``parse``."""
    try:
        joined = base.join(reference)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError("found a host or a port that is none: check the address") from error
    return parse(str(joined))
