"""DTLS with who has an RSA certificate, as GStreamer's webrtcbin.

aiortc offers the cipher suites that RFC 8827 section 6.5 wants of everybody, which are those of
ECDSA certificates; GStreamer, which then is the DTLS server, has none. Browsers offer both.
"""

# ruff: noqa: SLF001 - there is no option for it: aiortc's own list is the one that is added to.

from aiortc.rtcdtlstransport import RTCCertificate, SRTPProtectionProfile
from OpenSSL import SSL

# As strong as aiortc's own, and with forward secrecy, too (RFC 9325 section 4.2).
_SUITES = ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305")

_create_ssl_context = RTCCertificate._create_ssl_context


def _create_for_both(
    certificate: RTCCertificate, srtp_profiles: list[SRTPProtectionProfile]
) -> SSL.Context:
    # A context that has been asked cannot be changed any more.
    asked = _create_ssl_context(certificate, srtp_profiles)
    own = SSL.Connection(asked).get_cipher_list()
    context = _create_ssl_context(certificate, srtp_profiles)
    context.set_cipher_list(":".join(dict.fromkeys([*own, *_SUITES])).encode())
    return context


def install() -> None:
    """Let aiortc offer the suites of RSA certificates after its own."""
    RTCCertificate._create_ssl_context = _create_for_both  # type: ignore[assignment]
