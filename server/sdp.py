"""What an SDP offer must have for a call, checked before anything is set up for it."""

from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

from aiortc import (
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidStateError, OperationError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import MediaDescription, SessionDescription, parse_h264_profile_level_id

from server.problems import Problem
from streaming.rates import VOICE_RATE

# aiortc's parser has no error class of its own: these are what it raises on text that is not SDP.
_PARSER_ERRORS = (ValueError, AssertionError, LookupError, StopIteration, AttributeError, TypeError)


class VideoCodec(Enum):
    """The codecs pictures can be sent in, best first."""

    H264 = "H264"
    VP8 = "VP8"


@dataclass(frozen=True)
class Offer:
    """A checked offer; ``ice_ufrag`` is the browser's, that trickled candidates must carry.

    ``candidates`` is how many candidates it brings, in all media sections together.
    """

    sdp: str
    video_codec: VideoCodec
    ice_ufrag: str
    control_channel: bool
    candidates: int


def check_offer(body: bytes) -> Offer:
    """The offer in the body of a POST.

    Raises Problem, 400: not SDP. 422: valid SDP that no call can be made from; the detail says
    what is missing (microphone, picture, codec, ICE or DTLS parameters).
    """
    try:
        text = body.decode()
        if not text.startswith("v=0"):
            raise ValueError("the first line is not v=0")
        description = SessionDescription.parse(text)
    except _PARSER_ERRORS as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "invalid-sdp",
            f"found {len(body)} bytes that are not an SDP offer, expected the text of"
            f" RTCPeerConnection.createOffer() ({type(error).__name__}: {error})",
        ) from error
    audio = _only(description, "audio", "add a microphone track")
    video = _only(description, "video", 'add a transceiver "video" with direction "recvonly"')
    if audio.direction != "sendrecv":
        raise _unusable(f"audio is {_direction(audio)}, expected sendrecv: it goes both ways")
    if video.direction not in ("recvonly", "sendrecv"):
        raise _unusable(f"video is {_direction(video)}, expected recvonly: we send the picture")
    opus = "audio/opus", VOICE_RATE
    if not any((codec.mimeType.lower(), codec.clockRate) == opus for codec in audio.rtp.codecs):
        raise _unusable(f"audio offers {_names(audio)}, expected opus among them")
    _check_transport(description)
    ufrag = audio.ice.usernameFragment if audio.ice else None
    assert ufrag is not None
    return Offer(
        sdp=text,
        video_codec=_video_codec(video),
        ice_ufrag=ufrag,
        control_channel=any(media.kind == "application" for media in description.media),
        candidates=sum(len(media.ice_candidates) for media in description.media),
    )


def codec_preferences(codec: VideoCodec) -> list[RTCRtpCodecCapability]:
    """Only ``codec``, with retransmission, for ``setCodecPreferences`` of the video transceiver.

    H.264 is constrained baseline where offered (profile-level-id 42e01f): what we encode.
    """
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    wanted = [c for c in capabilities if c.name == codec.value]
    wanted.sort(key=lambda c: c.parameters.get("profile-level-id") != "42e01f")
    return wanted + [c for c in capabilities if c.name == "rtx"]


def opus_preferences() -> list[RTCRtpCodecCapability]:
    """Only Opus, for ``setCodecPreferences`` of the audio transceiver."""
    return [c for c in RTCRtpSender.getCapabilities("audio").codecs if c.name == "opus"]


async def negotiate(peer: RTCPeerConnection, offer: Offer) -> str:
    """Apply ``offer`` to ``peer``, whose transceivers are set up, and return the answer.

    Raises Problem 422 when aiortc refuses the offer after all.
    """
    try:
        await peer.setRemoteDescription(RTCSessionDescription(sdp=offer.sdp, type="offer"))
        await peer.setLocalDescription(await peer.createAnswer())
    except (ValueError, InternalError, InvalidStateError, OperationError) as error:
        raise _unusable(f"the offer cannot be negotiated: {error}") from error
    return peer.localDescription.sdp


def ask_packet_time(answer: str, packet_ms: int) -> str:
    """``answer`` asking for microphone packets of ``packet_ms`` (a=ptime, RFC 8866 section 6.4)."""
    lines: list[str] = []
    for line in answer.splitlines():
        lines.append(line)
        if line.startswith("m=audio"):
            in_audio = True
        elif line.startswith("m="):
            in_audio = False
        if line.startswith("a=mid:") and in_audio:
            lines.append(f"a=ptime:{packet_ms}")
    return "\r\n".join(lines) + "\r\n"


def _only(description: SessionDescription, kind: str, remedy: str) -> MediaDescription:
    sections = [media for media in description.media if media.kind == kind]
    if len(sections) != 1:
        raise _unusable(f"found {len(sections)} {kind} sections, expected 1: {remedy}")
    return sections[0]


def _check_transport(description: SessionDescription) -> None:
    for media in description.media:
        missing = [
            name
            for name, found in (
                ("a=ice-ufrag", media.ice is not None and media.ice.usernameFragment),
                ("a=ice-pwd", media.ice is not None and media.ice.password),
                ("a=fingerprint", media.dtls is not None and media.dtls.fingerprints),
                ("a=rtcp-mux", media.rtcp_mux or media.kind == "application"),
                ("a=mid", media.rtp.muxId),
            )
            if not found
        ]
        if missing:
            raise _unusable(f"the {media.kind} section lacks {', '.join(missing)}")


def _video_codec(video: MediaDescription) -> VideoCodec:
    if any(_is_usable_h264(codec) for codec in video.rtp.codecs):
        return VideoCodec.H264
    if any(codec.name.upper() == VideoCodec.VP8.value for codec in video.rtp.codecs):
        return VideoCodec.VP8
    raise _unusable(
        f"video offers {_names(video)}, expected H264 (constrained baseline,"
        " packetization-mode=1) or VP8 among them"
    )


def _is_usable_h264(codec: RTCRtpCodecParameters) -> bool:
    if codec.name.upper() != VideoCodec.H264.value:
        return False
    if str(codec.parameters.get("packetization-mode")) != "1":
        return False
    try:
        # RFC 6184 section 8.1: absent means constrained baseline at its lowest.
        level_id = str(codec.parameters.get("profile-level-id", "42e01f"))
        profile, _ = parse_h264_profile_level_id(level_id)
    except ValueError:
        return False
    return profile.name in ("PROFILE_BASELINE", "PROFILE_CONSTRAINED_BASELINE")


def _direction(media: MediaDescription) -> str:
    return media.direction or "not given a direction"


def _names(media: MediaDescription) -> str:
    return ", ".join(sorted({codec.name for codec in media.rtp.codecs})) or "no codec"


def _unusable(detail: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-offer", detail)
