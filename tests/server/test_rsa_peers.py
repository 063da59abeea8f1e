"""Who has an RSA certificate is connected with, though aiortc knows only ECDSA's suites."""

from datetime import UTC, datetime, timedelta

from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from server import rsa_peers
from tests.server.caller import Broadcaster, Watcher
from tests.server.conftest import Serve

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an RSA peer")])


def rsa_certificate() -> RTCCertificate:
    """What GStreamer's webrtcbin has."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return RTCCertificate(key, certificate)  # type: ignore[arg-type]


async def test_media_of_a_peer_with_an_rsa_certificate_flow(serve: Serve) -> None:
    async with (
        serve() as running,
        Broadcaster(running.http, "first") as publisher,
        Watcher(running.http, "first") as watcher,
    ):
        for peer in (publisher, watcher):
            # It is the DTLS server: we answer to be the client.
            peer.peer._RTCPeerConnection__certificates = [rsa_certificate()]  # type: ignore[attr-defined]
        await publisher.connect()
        await watcher.connect()
        await watcher.until_sound(lambda rms: rms > 5000)


def test_aiortcs_own_suites_come_first() -> None:
    certificate = RTCCertificate.generateCertificate()
    own, both = (
        SSL.Connection(make(certificate, SRTP_PROFILES)).get_cipher_list()
        for make in (rsa_peers._create_ssl_context, rsa_peers._create_for_both)
    )
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in own
    assert both == [*own, "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"]
