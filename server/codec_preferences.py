"""What a transceiver is to prefer, for its ``setCodecPreferences``."""

from aiortc import RTCRtpCodecCapability, RTCRtpSender

from server.sdp import VideoCodec


def for_pictures(*codecs: VideoCodec) -> list[RTCRtpCodecCapability]:
    """Only ``codecs``, best first, with retransmission.

    H.264 is constrained baseline where offered (profile-level-id 42e01f): what we encode.
    """
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    names = [codec.value for codec in codecs]
    wanted = [c for c in capabilities if c.name in names]
    wanted.sort(
        key=lambda c: (names.index(c.name), c.parameters.get("profile-level-id") != "42e01f")
    )
    return wanted + [c for c in capabilities if c.name == "rtx"]


def for_voice(*, redundant: bool = False) -> list[RTCRtpCodecCapability]:
    """Only Opus; before it ``redundant`` Opus, where an offer ``has_redundancy``."""
    wanted = ["red", "opus"] if redundant else ["opus"]
    capabilities = RTCRtpSender.getCapabilities("audio").codecs
    return sorted((c for c in capabilities if c.name in wanted), key=lambda c: wanted.index(c.name))
