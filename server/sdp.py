"""What an SDP offer must have for a call, checked before anything is set up for it."""

from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import MediaDescription, SessionDescription, parse_h264_profile_level_id

from server import bundle, red, sdp_sections, trickle
from server.problems import Problem
from streaming.rates import VOICE_RATE

# aiortc's parser has no error class of its own: these are what it raises on text that is not SDP.
_PARSER_ERRORS = (ValueError, AssertionError, LookupError, StopIteration, AttributeError, TypeError)
# Each gets what it shares with others as a copy of its own.
_MAX_SECTIONS = 16
# Candidates, and eight more in each section: credentials, fingerprints and flags.
_MAX_TRANSPORT_LINES = trickle.MAX_CANDIDATES + 8 * _MAX_SECTIONS


class VideoCodec(Enum):
    """The codecs pictures can be sent in, best first."""

    H264 = "H264"
    VP8 = "VP8"


@dataclass(frozen=True)
class Description:
    """A checked offer or answer, ``spread`` (see `server.bundle`).

    ``video_codec`` is the one to send pictures in, None where none are wanted; ``has_audio``,
    ``has_video``: there is such a section, not rejected; ``has_redundancy``: it offers
    `server.red`. Trickled candidates must carry ``ice_ufrag``, the client's; those of the section
    ``tagged_mid`` are for all that are bundled with it. ``candidates`` is how many came already, in
    all media sections together.
    """

    sdp: str
    video_codec: VideoCodec | None
    has_audio: bool
    has_video: bool
    has_redundancy: bool
    ice_ufrag: str
    tagged_mid: str | None
    candidates: int


@dataclass(frozen=True)
class _Parsed:
    """``sdp`` is spread; ``description`` is of all in it that an offer does not reject."""

    sdp: str
    description: SessionDescription
    candidates: int


class NoCommonCodecError(Problem):
    """The offer is sound, but none of its codecs is one of ours."""


class RejectedError(Problem):
    """The answer is sound, but does not want all that we offered."""


def check_call(body: bytes) -> Description:
    """The offer of a call: microphone sendrecv, picture recvonly.

    Raises Problem, 400: not SDP. 422: valid SDP that no call can be made from; the detail says
    what is missing (microphone, picture, codec, ICE or DTLS parameters).
    """
    offer = _parse(body)
    description = offer.description
    audio = _only(description, "audio", "add a microphone track")
    video = _only(description, "video", 'add a transceiver "video" with direction "recvonly"')
    if audio.direction != "sendrecv":
        raise unusable(f"audio is {_direction(audio)}, expected sendrecv: it goes both ways")
    _check_receives(video)
    _check_opus(audio)
    return _describe_offer(offer, _video_codec(video), audio)


def check_viewer(body: bytes) -> Description:
    """The offer of a viewer: picture, sound, or both, to receive.

    Raises Problem, 400: not SDP. 422: valid SDP that nothing can be sent to; NoCommonCodecError
    when that is for want of a codec.
    """
    offer = _parse(body)
    audio, video = (_at_most_one(offer.description, kind) for kind in ("audio", "video"))
    for media in filter(None, (audio, video)):
        _check_receives(media)
    if audio is not None:
        _check_opus(audio)
    codec = None if video is None else _video_codec(video)
    if (first := audio or video) is None:
        raise unusable("found neither audio nor video, expected one of them to receive")
    return _describe_offer(offer, codec, first)


def check_publisher(body: bytes) -> Description:
    """The offer of a publisher: sound to send; what else it sends is not looked at.

    Raises Problem, 400: not SDP. 422: valid SDP that brings no sound.
    """
    offer = _parse(body)
    audio = _only(offer.description, "audio", "send one microphone or programme")
    if audio.direction not in ("sendonly", "sendrecv"):
        raise unusable(f"audio is {_direction(audio)}, expected sendonly: we listen")
    _check_opus(audio)
    return _describe_offer(offer, None, audio)


def check_answer(body: bytes) -> Description:
    """The answer to an offer of sound and picture.

    Raises Problem, 400: not SDP. 422: it does not receive both, or not in a codec of ours;
    RejectedError when it rejects one.
    """
    answer = _parse(body, "answer")
    for media in answer.description.media:
        if media.port == 0:
            raise RejectedError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "unusable-offer",
                f"the answer rejects {media.kind}, expected both to be received",
            )
        _check_receives(media)
    audio = _only(answer.description, "audio", "answer each section of the offer")
    video = _only(answer.description, "video", "answer each section of the offer")
    _check_opus(audio)
    return _describe(answer, _video_codec(video), audio)


def unusable(detail: str) -> Problem:
    """The 422 of a description that is sound but of no use; ``detail`` says why."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-offer", detail)


def _parse(body: bytes, kind: str = "offer") -> _Parsed:
    try:
        text = body.decode()
        if not text.startswith("v=0"):
            raise ValueError("the first line is not v=0")
        if (count := len(sdp_sections.split(text)) - 1) > _MAX_SECTIONS:
            raise unusable(f"found {count} media sections, expected at most {_MAX_SECTIONS}")
        # Before they are copied and parsed: the event loop would stand still meanwhile.
        copied = bundle.transport_lines(text)
        candidates = sum(line.startswith("a=candidate:") for line in copied)
        trickle.check_count(candidates)
        if (count := len(copied)) > _MAX_TRANSPORT_LINES:
            raise unusable(f"found {count} lines of transport, expected <= {_MAX_TRANSPORT_LINES}")
        if (count := len(bundle.group_lines(text))) > _MAX_SECTIONS:
            raise unusable(f"found {count} BUNDLE groups, expected at most {_MAX_SECTIONS}")
        spread = bundle.spread(text)
        return _Parsed(
            spread,
            SessionDescription.parse(
                bundle.without_rejected(spread) if kind == "offer" else spread
            ),
            candidates=candidates,
        )
    except _PARSER_ERRORS as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "invalid-sdp",
            f"found {len(body)} bytes that are not an SDP {kind}, expected the text of"
            f" RTCPeerConnection.create{kind.title()}() ({type(error).__name__}: {error})",
        ) from error


def _describe_offer(
    offer: _Parsed, codec: VideoCodec | None, first: MediaDescription
) -> Description:
    description = _describe(offer, codec, first)
    if not bundle.has_one_transport(offer.sdp):
        raise unusable(
            "found media sections that are not bundled, expected one BUNDLE group of all of them"
            " (RFC 9725 section 4.4.1): set the bundle policy to max-bundle"
        )
    return description


def _describe(parsed: _Parsed, codec: VideoCodec | None, first: MediaDescription) -> Description:
    media = parsed.description.media
    _check_transport(parsed.description)
    ufrag = first.ice.usernameFragment if first.ice else None
    assert ufrag is not None
    return Description(
        sdp=parsed.sdp,
        video_codec=codec,
        has_audio=any(section.kind == "audio" for section in media),
        has_video=any(section.kind == "video" for section in media),
        has_redundancy=any(_offers_redundancy(section) for section in media),
        ice_ufrag=ufrag,
        tagged_mid=bundle.tagged_mid(parsed.sdp),
        candidates=parsed.candidates,
    )


def _check_receives(media: MediaDescription) -> None:
    if media.direction not in ("recvonly", "sendrecv"):
        raise unusable(f"{media.kind} is {_direction(media)}, expected recvonly: we send it")


def _check_opus(audio: MediaDescription) -> None:
    opus = "audio/opus", VOICE_RATE
    if not any((codec.mimeType.lower(), codec.clockRate) == opus for codec in audio.rtp.codecs):
        raise _no_common_codec(f"audio offers {_names(audio)}, expected opus among them")


def _offers_redundancy(media: MediaDescription) -> bool:
    formats = {codec.payloadType: codec for codec in media.rtp.codecs}
    opus = formats.get(red.OPUS_PAYLOAD_TYPE)
    return (
        opus is not None
        and opus.name.lower() == "opus"
        and any(
            codec.mimeType.lower() == red.MIME_TYPE and red.FORMAT in codec.parameters
            for codec in media.rtp.codecs
        )
    )


def _at_most_one(description: SessionDescription, kind: str) -> MediaDescription | None:
    sections = [media for media in description.media if media.kind == kind]
    if len(sections) > 1:
        raise unusable(f"found {len(sections)} {kind} sections, expected at most 1")
    return sections[0] if sections else None


def _only(description: SessionDescription, kind: str, remedy: str) -> MediaDescription:
    sections = [media for media in description.media if media.kind == kind]
    if len(sections) != 1:
        raise unusable(f"found {len(sections)} {kind} sections, expected 1: {remedy}")
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
            raise unusable(f"the {media.kind} section lacks {', '.join(missing)}")


def _video_codec(video: MediaDescription) -> VideoCodec:
    if any(_is_usable_h264(codec) for codec in video.rtp.codecs):
        return VideoCodec.H264
    if any(codec.name.upper() == VideoCodec.VP8.value for codec in video.rtp.codecs):
        return VideoCodec.VP8
    raise _no_common_codec(
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


def _no_common_codec(detail: str) -> Problem:
    return NoCommonCodecError(HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-offer", detail)
