import hashlib
import ssl
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server.certificate import CertificateError, given
from tests.server.issuing import NOW, issue, pem


def refusal(path: Path, key_path: Path) -> str:
    with pytest.raises(CertificateError) as caught:
        given(path, key_path, NOW)
    return str(caught.value)


def test_a_given_certificate_is_loaded(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    certificate = given(issued.path, issued.key_path, NOW)
    der = ssl.PEM_cert_to_DER_cert(issued.path.read_text())
    (name,) = certificate.leaf.subject
    assert name.value == "face.example.org"
    assert certificate.fingerprint.replace(":", "") == hashlib.sha256(der).hexdigest().upper()
    assert certificate.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_chain_may_follow_and_one_file_may_hold_both(tmp_path: Path) -> None:
    issued, other = issue(tmp_path), issue(tmp_path, name="intermediate")
    both = tmp_path / "both.pem"
    both.write_bytes(
        issued.path.read_bytes() + other.path.read_bytes() + issued.key_path.read_bytes()
    )
    single = given(issued.path, issued.key_path, NOW)
    assert given(both, both, NOW).fingerprint == single.fingerprint


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW - timedelta(days=2), NOW - timedelta(seconds=1)),
        (NOW + timedelta(seconds=1), NOW + timedelta(days=2)),
    ],
    ids=["expired", "not yet valid"],
)
def test_not_valid_now(tmp_path: Path, start: datetime, end: datetime) -> None:
    issued = issue(tmp_path, start=start, end=end)
    said = refusal(issued.path, issued.key_path)
    for part in (str(issued.path), f"{start:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M}", "renew it"):
        assert part in said


def test_missing(tmp_path: Path) -> None:
    issued, nowhere = issue(tmp_path), tmp_path / "nowhere.pem"
    for paths in ((nowhere, issued.key_path), (issued.path, nowhere)):
        assert refusal(*paths) == f"cannot read {nowhere}: No such file or directory"
    assert "Is a directory" in refusal(tmp_path, issued.key_path)


def test_the_key_of_another(tmp_path: Path) -> None:
    issued, other = issue(tmp_path), issue(tmp_path, name="other")
    said = refusal(issued.path, other.key_path)
    assert f"the key in {other.key_path} is not that of the first certificate in" in said
    other.key_path.write_bytes(pem(rsa.generate_private_key(65537, 2048)))
    assert "is not that of" in refusal(issued.path, other.key_path)


def test_an_encrypted_key(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = issue(tmp_path, key=key)
    issued.key_path.write_bytes(pem(key, b"secret"))
    assert "is encrypted, expected a key without a password" in (
        refusal(issued.path, issued.key_path)
    )


def test_a_key_that_is_too_small_to_serve(tmp_path: Path) -> None:
    issued = issue(tmp_path, key=rsa.generate_private_key(65537, 1024))
    said = refusal(issued.path, issued.key_path)
    assert "cannot be served: " in said
    assert "RSA of 2048" in said


@pytest.mark.parametrize("damage", ["cut", "empty", "binary", "exchanged", "future version"])
def test_damaged(tmp_path: Path, damage: str) -> None:
    issued = issue(tmp_path)
    whole, key = issued.path.read_bytes(), issued.key_path.read_bytes()
    der = bytearray(ssl.PEM_cert_to_DER_cert(whole.decode()))
    der[der.index(b"\xa0\x03\x02\x01") + 4] = 66
    bad_certificate, bad_key = {
        "cut": (whole[:-200], key[:-60]),
        "empty": (b"", b""),
        "binary": (bytes(range(256)), bytes(range(256))),
        "exchanged": (key, whole),
        "future version": (ssl.DER_cert_to_PEM_cert(bytes(der)).encode(), b""),
    }[damage]
    issued.key_path.write_bytes(bad_key)
    assert f"found no private key in {issued.key_path}" in refusal(issued.path, issued.key_path)
    issued.path.write_bytes(bad_certificate)
    assert f"found no certificate in {issued.path}" in refusal(issued.path, issued.key_path)


def test_damage_behind_the_first_certificate(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    content = issued.path.read_text()
    issued.path.write_text(content + content[:80])
    assert str(issued.path) in refusal(issued.path, issued.key_path)
