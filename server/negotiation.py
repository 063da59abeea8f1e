"""Descriptions that were checked, applied to a connection of aiortc, and our answers to them."""

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InternalError, InvalidStateError, OperationError

from server import bundle, sdp
from server.ignored_media import in_known_codec, in_offered_codec

_REFUSALS = (ValueError, InternalError, InvalidStateError, OperationError)


async def negotiate(
    peer: RTCPeerConnection, offer: sdp.Description, ignored: str | None = None
) -> str:
    """Apply ``offer`` to ``peer``, whose transceivers are set up, and return the answer.

    Media of the kind ``ignored`` is answered to be inactive. Raises Problem 422 when aiortc refuses
    the offer after all.
    """
    wanted = bundle.without_rejected(offer.sdp)
    known = wanted if ignored is None else in_known_codec(wanted, ignored)
    try:
        await peer.setRemoteDescription(_remote(peer, known, "offer"))
        for transceiver in peer.getTransceivers():
            if transceiver.kind == ignored:
                transceiver.direction = "inactive"
        await peer.setLocalDescription(await peer.createAnswer())
    except _REFUSALS as error:
        raise sdp.unusable(f"the offer cannot be negotiated: {error}") from error
    answer = peer.localDescription.sdp
    if ignored is not None:
        answer = in_offered_codec(answer, wanted, ignored)
    return bundle.with_rejected(answer, offer.sdp)


async def accept(peer: RTCPeerConnection, answer: sdp.Description) -> None:
    """Apply ``answer`` to ``peer``, which has offered. Raises Problem 422 when it does not fit."""
    try:
        await peer.setRemoteDescription(_remote(peer, answer.sdp, "answer"))
    except _REFUSALS as error:
        raise sdp.unusable(f"the answer does not fit the offer: {error}") from error


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


def _remote(peer: RTCPeerConnection, text: str, kind: str) -> RTCSessionDescription:
    # The section of the transceiver that was added first: it has the transport of them all.
    return RTCSessionDescription(bundle.led_by(text, peer.getTransceivers()[0].kind), kind)
