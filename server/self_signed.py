"""The certificate that HTTPS is served with when none is given: made here, and kept.

Browsers give a page the microphone only on localhost or over HTTPS. A self-signed certificate is
enough for that, but a browser warns of it until its user makes an exception: for this certificate
and no other. So it is kept, and made anew only when it ends soon or lacks a name.
"""

import ipaddress
import logging
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server import user_data
from server.certificate import Certificate, CertificateError, load

logger = logging.getLogger(__name__)

# Apple's browsers refuse more than 398 days. A phone's clock may be behind this machine's.
_LIFETIME = timedelta(days=365)
_BACKDATED = timedelta(days=1)
_RENEWED_BEFORE_END = timedelta(days=7)
_DNS_NAME = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)
_REMEDY = "This file is Likeness's own: delete it, and a new one is made"


def kept_at() -> Path:
    """Where certificate and key are kept: one file, so that they cannot come apart.

    Raises CertificateError when nobody knows where the user's data is.
    """
    try:
        return user_data.folder() / "certificate.pem"
    except user_data.NoDataFolderError as error:
        raise CertificateError(f"cannot keep a certificate: {error}") from error


def self_signed(path: Path, names: Iterable[str], now: datetime) -> Certificate:
    """Load the certificate that is kept at ``path``, or make one for ``names`` and keep it there.

    A new one is made where there is none, where it ends within 7 days, and where it lacks one of
    ``names``. Names that a certificate cannot hold, such as "*", are left out.

    Raises CertificateError: the file is damaged, or cannot be read or written.
    """
    wanted = _general_names(names)
    try:
        user_data.make_folder(path.parent)
        kept = _load(path) if path.exists() else None
        reason = _why_made(kept, wanted, now)
        if kept is None or reason is not None:
            user_data.write_whole(path, _make(wanted, now))
            kept = _load(path)
            logger.info("made a certificate", extra={"path": path, "reason": reason})
    except OSError as error:
        raise CertificateError(
            f"cannot keep a certificate at {path}: {error.strerror}: allow it, or set"
            " XDG_DATA_HOME to another folder"
        ) from error
    return kept


def _load(path: Path) -> Certificate:
    try:
        kept = load(path, path)
        kept.leaf.verify_directly_issued_by(kept.leaf)
    except CertificateError as error:
        raise CertificateError(f"{error}. {_REMEDY}") from error
    except (InvalidSignature, TypeError, ValueError) as error:
        raise CertificateError(
            f"the certificate in {path} is damaged or signed by another, expected its own"
            f" signature. {_REMEDY}"
        ) from error
    return kept


def _why_made(kept: Certificate | None, wanted: set[x509.GeneralName], now: datetime) -> str | None:
    if kept is None:
        return "there was none"
    end = kept.leaf.not_valid_after_utc
    if end - now <= _RENEWED_BEFORE_END:
        return f"the last one ends {end:%Y-%m-%d}"
    try:
        held = kept.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "the last one has no names"
    missing = ", ".join(sorted(str(name.value) for name in wanted - set(held)))
    return f"the last one lacks {missing}" if missing else None


def _make(names: Iterable[x509.GeneralName], now: datetime) -> bytes:
    """Return a new key and its certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Likeness")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        # Whoever trusts it trusts no other certificate by it, even if its key is stolen.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + made.public_bytes(serialization.Encoding.PEM)


def _general_names(names: Iterable[str]) -> set[x509.GeneralName]:
    found: set[x509.GeneralName] = set()
    for name in names:
        try:
            address = ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            if _DNS_NAME.fullmatch(name):
                found.add(x509.DNSName(name))
        else:
            # 0.0.0.0 says where to listen, and is nobody's address.
            if not address.is_unspecified:
                found.add(x509.IPAddress(address))
    return found
