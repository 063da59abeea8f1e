"""The certificate and key that content credentials (C2PA) are signed with: given, or made here.

C2PA refuses a certificate that has signed itself, so the one that is made here comes with an
authority of its own, whose key is thrown away once it has signed: it cannot be stolen.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server import certificate, user_data
from server.certificate import CertificateError
from server.config import ConfigError

logger = logging.getLogger(__name__)

# Credentials carry no time that another vouches for (that would need a service on the network), so
# they are good until their certificate ends: five years at least.
_LIFETIME = timedelta(days=3652)
_RENEWED_BEFORE_END = timedelta(days=1826)
_BACKDATED = timedelta(days=1)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class SigningIdentity:
    """Who signs: ``chain`` and ``key`` are PEM; ``algorithm`` is C2PA's name, such as "es256"."""

    chain: bytes
    key: bytes
    algorithm: str


def given(path: Path, key_path: Path, now: datetime) -> SigningIdentity:
    """Load a certificate, which its chain may follow, and its key.

    Raises ConfigError: missing, damaged, not valid ``now``, or of a kind that C2PA does not know.
    """
    try:
        certificate.given(path, key_path, now)
        return _read(path, key_path)
    except CertificateError as error:
        raise ConfigError(f"trust.certificate: {error}") from error


def kept_at() -> Path:
    """Where the certificate that is made here is kept, with its key.

    Raises CertificateError when nobody knows where the user's data is.
    """
    try:
        return user_data.folder() / "signing.pem"
    except user_data.NoDataFolderError as error:
        raise CertificateError(f"cannot keep a signing certificate: {error}") from error


def own(path: Path, now: datetime) -> SigningIdentity:
    """Load what is kept at ``path``, or make it: if there is none, or it ends within five years.

    Raises CertificateError: the file is damaged, or cannot be read or written.
    """
    try:
        user_data.make_folder(path.parent)
        if not path.exists() or _ends_soon(path, now):
            user_data.write_whole(path, _make(now))
            logger.info("made a signing certificate", extra={"path": path})
    except OSError as error:
        raise CertificateError(
            f"cannot keep a signing certificate at {path}: {error.strerror}: allow it, set"
            " XDG_DATA_HOME to another folder, or set trust.credentials = false"
        ) from error
    return _read(path, path)


def authority(path: Path) -> bytes:
    """Return the certificate, PEM, of who issued the one that is kept at ``path``.

    Raises CertificateError: the file is damaged, or cannot be read.
    """
    _check(path)
    return x509.load_pem_x509_certificates(path.read_bytes())[-1].public_bytes(_PEM)


def _ends_soon(path: Path, now: datetime) -> bool:
    return _check(path).not_valid_after_utc - now <= _RENEWED_BEFORE_END


def _check(path: Path) -> x509.Certificate:
    try:
        return certificate.load(path, path).leaf
    except CertificateError as error:
        raise CertificateError(
            f"{error}. This file is Likeness's own: delete it, and a new one is made"
        ) from error


def _read(path: Path, key_path: Path) -> SigningIdentity:
    """Read what `certificate.load` has found good."""
    chain = x509.load_pem_x509_certificates(path.read_bytes())
    key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    match key:
        case ec.EllipticCurvePrivateKey(curve=ec.SECP256R1()):
            algorithm = "es256"
        case ec.EllipticCurvePrivateKey(curve=ec.SECP384R1()):
            algorithm = "es384"
        case rsa.RSAPrivateKey():
            algorithm = "ps256"
        case ed25519.Ed25519PrivateKey():
            algorithm = "ed25519"
        case _:
            raise CertificateError(
                f"{key_path} holds a key that C2PA does not sign with, expected P-256, P-384, RSA"
                " or Ed25519"
            )
    return SigningIdentity(
        b"".join(link.public_bytes(_PEM) for link in chain), _private_bytes(key), algorithm
    )


def _private_bytes(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _make(now: datetime) -> bytes:
    """Return a new key, its certificate and the authority that issued it, PEM."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    root_name = _name("authority of an installation")
    root = (
        _begin(root_name, root_name, root_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    # The profile of signers: C2PA 2.2, section 14.5.1.
    leaf = (
        _begin(_name("installation"), root_name, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
        .sign(root_key, hashes.SHA256())
    )
    return _private_bytes(key) + leaf.public_bytes(_PEM) + root.public_bytes(_PEM)


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Likeness"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
