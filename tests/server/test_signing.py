"""Who signs rendered files: the certificate that is made here, and those that are given."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from server import credentials, signing
from server.certificate import CertificateError
from server.config import ConfigError, TrustConfig
from server.credentials import CredentialsError, CredentialsSigner
from tests.server.issuing import NOW, issue, pem

YEAR = timedelta(days=365)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "likeness" / "signing.pem"


def test_it_is_made_once_for_its_owner_only(path: Path) -> None:
    made = signing.own(path, NOW)
    assert signing.own(path, NOW) == made
    assert made.algorithm == "es256"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_made_is_an_authoritys_and_that_authoritys_key_is_gone(path: Path) -> None:
    made = signing.own(path, NOW)
    leaf, root = x509.load_pem_x509_certificates(made.chain)
    leaf.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert leaf.not_valid_after_utc - NOW > 9 * YEAR
    assert path.read_bytes().count(b"PRIVATE KEY-----\n") == 2  # BEGIN and END of one
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == leaf.public_key()


def test_c2pa_takes_what_is_made(path: Path) -> None:
    CredentialsSigner(signing.own(path, NOW)).try_out()


def test_files_stay_valid_for_five_years_at_least(path: Path) -> None:
    made = signing.own(path, NOW)
    assert signing.own(path, NOW + 4.9 * YEAR) == made
    anew = signing.own(path, NOW + 5.1 * YEAR)
    assert anew != made
    leaf = x509.load_pem_x509_certificates(anew.chain)[0]
    assert leaf.not_valid_after_utc > NOW + 10 * YEAR


def test_a_damaged_one_is_not_replaced_silently(path: Path) -> None:
    signing.own(path, NOW)
    path.write_bytes(path.read_bytes()[:300])
    says = r"signing.pem.*delete it, and a new one is made"
    with pytest.raises(CertificateError, match=says):
        signing.own(path, NOW)
    with pytest.raises(CertificateError, match=says):
        signing.authority(path)


def test_a_kept_one_that_c2pa_does_not_take_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    other = issue(tmp_path, end=NOW + 9 * YEAR)
    path = signing.kept_at()
    path.parent.mkdir()
    path.write_bytes(other.key_path.read_bytes() + other.path.read_bytes())
    with pytest.raises(CertificateError, match=r"does not sign \(.*delete it"):
        credentials.signer(TrustConfig(), NOW)


def test_where_it_cannot_be_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "likeness").write_text("a file, not a folder")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(CertificateError, match=r"File exists: .*trust.credentials = false"):
        credentials.signer(TrustConfig(), NOW)
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", _no_home)
    with pytest.raises(CertificateError, match="set XDG_DATA_HOME"):
        credentials.signer(TrustConfig(), NOW)


def _no_home() -> Path:
    raise RuntimeError("no home")


def test_nothing_is_made_when_nothing_is_signed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert credentials.signer(TrustConfig(credentials=False), NOW) is None
    assert list(tmp_path.iterdir()) == []


def test_a_given_one_signs(tmp_path: Path) -> None:
    made = signing.own(tmp_path / "signing.pem", NOW)
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.chain)
    key.write_bytes(made.key)
    signer = credentials.signer(TrustConfig(certificate=certificate, key=key), NOW)
    assert signer is not None
    signer.try_out()


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("for HTTPS", r"cannot sign content credentials \(.*expected one for document signing"),
        ("ended", "is valid from .* expected one that is valid now"),
        ("another's key", "is not that of the first certificate"),
        ("no key", "found no private key in"),
        ("missing", "cannot read .*: No such file"),
        ("P-521", "expected P-256, P-384, RSA or Ed25519"),
    ],
)
def test_a_given_one_that_cannot_sign_is_refused(tmp_path: Path, kind: str, says: str) -> None:
    end = NOW - timedelta(hours=1) if kind == "ended" else NOW + YEAR
    key = ec.generate_private_key(ec.SECP521R1()) if kind == "P-521" else None
    issued = issue(tmp_path, end=end, key=key)
    if kind == "another's key":
        issued.key_path.write_bytes(pem(rsa.generate_private_key(65537, 2048)))
    if kind == "no key":
        issued.key_path.write_text("nothing")
    if kind == "missing":
        issued.path.unlink()
    trust = TrustConfig(certificate=issued.path, key=issued.key_path)
    with pytest.raises(ConfigError, match=f"(?s)^trust.certificate: .*{says}"):
        credentials.signer(trust, NOW)


def test_the_settings_that_do_not_fit_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="certificate and key come together"):
        TrustConfig(certificate=tmp_path / "a.pem")
    with pytest.raises(ValueError, match="only with credentials"):
        TrustConfig(credentials=False, certificate=tmp_path / "a.pem", key=tmp_path / "a.key")


def test_what_is_no_video_is_not_signed(tmp_path: Path) -> None:
    signer = CredentialsSigner(signing.own(tmp_path / "signing.pem", NOW))
    words = tmp_path / "words.mp4"
    words.write_text("these are words")
    with pytest.raises(CredentialsError, match="cannot sign it: "):
        signer.sign(words, tmp_path / "signed.mp4")
