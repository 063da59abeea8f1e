"""Offers with the policy max-bundle (RFC 9429 section 4.1.1), as others make them."""

from server import sdp_sections

_FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["DA", "7B"] * 16)
_TRANSPORT = f"""\
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
{_FINGERPRINT}
a=setup:actpass
a=rtcp-mux
"""
_AUDIO = f"""\
v=0
o=- 5228595038118931041 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=ice-options:trickle ice2
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
{_TRANSPORT}a=rtcp-mux-only
a=mid:0
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:d46fb922-d52a-4e9c-aa87-444eadc1521b ce326ecf-a081-453a-8f9f-0605d5ef4128
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
"""
_VIDEO = """\
a=mid:1
a=bundle-only
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:d46fb922-d52a-4e9c-aa87-444eadc1521b 3956b460-40f4-4d05-acef-03abcdd8c6fd
"""


def _lines(text: str) -> str:
    return text.replace("\n", "\r\n")


# The example of RFC 9725 section 4.2, but for the fingerprint.
RFC_9725 = _lines(f"""\
{_AUDIO}m=video 0 UDP/TLS/RTP/SAVPF 96 97
{_VIDEO}a=rtpmap:96 VP8/90000
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
""")

# GStreamer's webrtcbin and Firefox write the transport into all sections. None of these codecs is
# one that aiortc knows.
WITH_TRANSPORT = {
    codec: _lines(f"""\
{_AUDIO}m=video 0 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
{_TRANSPORT}{_VIDEO}a=rtpmap:96 {codec}/90000
{fmtp}a=rtcp-fb:96 nack pli
""")
    for codec, fmtp in (
        ("H264", "a=fmtp:96 packetization-mode=1;profile-level-id=64001f\n"),
        ("AV1", ""),
    )
}

# The answer to it, whose port 0 does not reject a section that is bundle-only.
RFC_9725_ANSWER = _lines(f"""\
v=0
o=- 1657793490019 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=ice-lite
a=ice-options:trickle ice2
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:38sdf4fdsf54
a=ice-pwd:2e13dde17c1cb009202f627fab90cbec358d766d049c9697
{_FINGERPRINT}
a=candidate:1 1 UDP 2130706431 198.51.100.1 39132 typ host
a=setup:passive
a=mid:0
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=recvonly
a=rtcp-mux
a=rtcp-mux-only
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
m=video 0 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:1
a=bundle-only
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=recvonly
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
""")


def to_receive(offer: str) -> str:
    """Return the same of who watches."""
    return offer.replace("a=sendonly", "a=recvonly")


def bundle_only(description: str, mark: str = "a=bundle-only") -> str:
    """Return what aiortc describes with port 0 and ``mark`` instead of all transports but one."""
    session, tagged, *others = sdp_sections.split(description)
    transport = (
        "a=ice-", "a=fingerprint", "a=setup", "a=candidate", "a=end-of", "a=rtcp", "c=",
    )  # fmt: skip
    for lines in others:
        media, _, *formats = lines[0].split()
        kept = [line for line in lines[1:] if not line.startswith(transport)]
        lines[:] = [" ".join([media, "0", *formats]), *kept, mark]
    return sdp_sections.join([session, tagged, *others])
