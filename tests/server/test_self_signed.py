"""The certificate that is made: what it says, who believes it, how long it is kept."""

import asyncio
import os
import ssl
import stat
import warnings
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from server.certificate import Certificate, CertificateError
from server.self_signed import kept_at, self_signed
from tests.server.issuing import NOW, issue, pem

NAMES = frozenset({"localhost", "127.0.0.1", "::1", "192.168.1.7", "studio", "studio.local"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "likeness" / "certificate.pem"


def names_of(certificate: Certificate) -> tuple[set[str], set[str]]:
    """Return the DNS names and the addresses that it is for."""
    names = certificate.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    return set(names.get_values_for_type(x509.DNSName)), {str(address) for address in addresses}


def refusal(path: Path) -> str:
    with pytest.raises(CertificateError) as caught:
        self_signed(path, NAMES, NOW)
    return str(caught.value)


async def shake_hands(served: Certificate, client: ssl.SSLContext, name: str) -> str | None:
    """Connect as a browser that was told to open ``name``; return the version of TLS."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=served.context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client, server_hostname=name
        )
        assert await reader.read() == b"hello"
        version: str | None = writer.get_extra_info("ssl_object").version()
        writer.close()
        await writer.wait_closed()
    return version


def trusting(path: Path) -> ssl.SSLContext:
    client = ssl.create_default_context(cafile=path)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    return client


def test_what_it_says(path: Path) -> None:
    certificate = self_signed(path, NAMES, NOW)
    leaf = certificate.leaf
    assert names_of(certificate) == (
        {"localhost", "studio", "studio.local"},
        {"127.0.0.1", "::1", "192.168.1.7"},
    )
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    assert leaf.not_valid_before_utc < NOW < leaf.not_valid_after_utc
    assert timedelta(365) <= leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(397)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize("name", sorted(NAMES))
async def test_who_trusts_it_can_connect(path: Path, name: str) -> None:
    served = self_signed(path, NAMES, NOW)
    assert await shake_hands(served, trusting(path), name) == "TLSv1.3"


async def test_a_name_it_is_not_for(path: Path) -> None:
    served = self_signed(path, NAMES, NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for 'evil\.example'"):
        await shake_hands(served, trusting(path), "evil.example")


async def test_tls_1_2_is_the_oldest(path: Path) -> None:
    served = self_signed(path, NAMES, NOW)
    client = trusting(path)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert await shake_hands(served, client, "localhost") == "TLSv1.2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        served.context.wrap_bio(to_server, to_client, server_side=True).do_handshake()


def test_names_that_no_certificate_can_hold_are_left_out(path: Path) -> None:
    odd = {"*", "*.example.org", "bücher.example", "host:8080", "a b", "", "0.0.0.0", "::"}
    certificate = self_signed(path, {*odd, "fe80::1%eth0", "face_1.example.org"}, NOW)
    assert names_of(certificate) == ({"face_1.example.org"}, {str(ip_address("fe80::1"))})
    again = self_signed(path, {*odd, "fe80::1%eth0"}, NOW)
    assert again.fingerprint == certificate.fingerprint


def test_it_is_kept(path: Path) -> None:
    first = self_signed(path, NAMES, NOW)
    later = self_signed(path, NAMES, NOW + timedelta(days=357))
    assert later.fingerprint == first.fingerprint
    fewer = self_signed(path, {"localhost"}, NOW)
    assert fewer.fingerprint == first.fingerprint


@pytest.mark.parametrize("now", [NOW + timedelta(days=358), NOW + timedelta(days=1000)])
def test_it_is_renewed_before_it_ends(path: Path, now: datetime) -> None:
    first = self_signed(path, NAMES, NOW)
    second = self_signed(path, NAMES, now)
    assert second.fingerprint != first.fingerprint
    assert second.leaf.not_valid_after_utc == now + timedelta(days=365)
    assert self_signed(path, NAMES, now).fingerprint == second.fingerprint


@pytest.mark.parametrize("name", ["192.168.1.8", "fd00::7", "face.example.org"])
def test_it_is_renewed_for_another_name(
    path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = self_signed(path, NAMES, NOW)
    caplog.clear()  # another test may have left the level low
    with caplog.at_level("INFO"):
        second = self_signed(path, NAMES | {name}, NOW)
    assert second.fingerprint != first.fingerprint
    assert set().union(*names_of(second)) == NAMES | {name}
    assert [vars(record)["reason"] for record in caplog.records] == [f"the last one lacks {name}"]


def test_only_its_owner_can_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        self_signed(path, NAMES, NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_renewal_that_fails_leaves_what_was_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    self_signed(path, NAMES, NOW)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CertificateError, match=r"No space left on device: .*XDG_DATA_HOME"):
            self_signed(path, {"other"}, NOW)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_damaged(path: Path, tmp_path: Path) -> None:
    self_signed(path, NAMES, NOW)
    whole = path.read_bytes()
    # A certificate that still reads well, of the right key, but is not what was signed.
    text = whole.decode()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE") :])
    forged = ssl.DER_cert_to_PEM_cert(der.replace(b"studio.local", b"studia.local"))
    start = text.index("-----BEGIN CERTIFICATE")
    key = ec.generate_private_key(ec.SECP256R1())
    others = issue(tmp_path, key=key).path.read_bytes()
    for content, says in (
        (b"", "found no certificate in"),
        (whole[:-100], "found no certificate in"),
        (whole[start:], "found no private key in"),
        (text[:start].encode() + forged.encode(), "damaged or signed by another"),
        (pem(key) + whole[start:], "the key in"),
        (pem(key) + others, "damaged or signed by another"),
    ):
        path.write_bytes(content)
        said = refusal(path)
        assert says in said
        assert str(path) in said
        assert said.endswith("delete it, and a new one is made")
        assert path.read_bytes() == content
    path.unlink()
    self_signed(path, NAMES, NOW)


def test_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal(tmp_path / "file" / "likeness" / "certificate.pem")
    assert f"cannot keep a certificate at {tmp_path}" in said


def test_where_it_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert kept_at() == tmp_path / "xdg" / "likeness" / "certificate.pem"
    for value in ("", "relative/to/what"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert kept_at() == tmp_path / ".local" / "share" / "likeness" / "certificate.pem"

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(CertificateError, match="XDG_DATA_HOME"):
        kept_at()
