"""A certificate and its key, read from their files and checked, ready to serve HTTPS with."""

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization


class CertificateError(Exception):
    """HTTPS cannot be served; says what was found, what was expected and what to do."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """``leaf`` is what browsers see first; ``context`` serves it, its chain and its key."""

    leaf: x509.Certificate
    context: ssl.SSLContext

    @property
    def fingerprint(self) -> str:
        """Its SHA-256, written as browsers show it."""
        return self.leaf.fingerprint(hashes.SHA256()).hex(":").upper()


def given(path: Path, key_path: Path, now: datetime) -> Certificate:
    """Load a certificate that must be valid ``now``.

    Raises CertificateError: it is not; see ``load`` too.
    """
    certificate = load(path, key_path)
    start, end = certificate.leaf.not_valid_before_utc, certificate.leaf.not_valid_after_utc
    if not start <= now <= end:
        raise CertificateError(
            f"{path} is valid from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, expected"
            f" one that is valid now, {now:%Y-%m-%d %H:%M}: renew it, or set the clock"
        )
    return certificate


def load(path: Path, key_path: Path) -> Certificate:
    """Load a certificate, which the rest of its chain may follow, and its key, both PEM.

    Both may be in one file. Raises CertificateError: a file that is missing, unreadable or damaged,
    a key that is encrypted or belongs to another certificate.
    """
    leaf = _read_leaf(path)
    try:
        key = serialization.load_pem_private_key(_read(key_path), password=None)
    except TypeError as error:
        raise CertificateError(
            f"{key_path} is encrypted, expected a key without a password: decrypt it with"
            " `openssl pkey`"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            f"found no private key in {key_path} that can be read, expected one in PEM: name its"
            " file, or restore it"
        ) from error
    if key.public_key() != leaf.public_key():
        raise CertificateError(
            f"the key in {key_path} is not that of the first certificate in {path}: name the two"
            " files that belong together"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(path, key_path)
    except OSError as error:  # ssl.SSLError is one
        raise CertificateError(
            f"{path} cannot be served: {error.strerror}: expected a key of P-256, or RSA of 2048"
            " bits or more, and a chain without damage"
        ) from error
    return Certificate(leaf=leaf, context=context)


def _read_leaf(path: Path) -> x509.Certificate:
    try:
        leaf = x509.load_pem_x509_certificates(_read(path))[0]
        leaf.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise CertificateError(
            f"found no certificate in {path} that can be read, expected one in PEM: name its file,"
            " or restore it"
        ) from error
    return leaf


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from error
