"""The data channel of one call: checked messages in, events out, never a growing queue."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiortc import RTCDataChannel

from server import messages
from server.messages import ClientMessage, ServerMessage
from server.metrics import Metrics

logger = logging.getLogger(__name__)

# The browser does not read: about 40 s of statistics.
_MAX_BUFFERED_BYTES = 8192


class ControlChannel:
    """Speaks ``server.messages`` over the channel that the browser opened, once it has.

    ``on_message`` gets every valid message; the sender of an invalid one gets ``Error``.
    """

    def __init__(self, metrics: Metrics, on_message: Callable[[ClientMessage], None]) -> None:
        self._metrics = metrics
        self._on_message = on_message
        self._channel: RTCDataChannel | None = None
        self._drained = asyncio.Event()

    def attach(self, channel: RTCDataChannel) -> bool:
        """Use ``channel``; one that has another label, or comes second, is closed: False."""
        if channel.label != messages.CHANNEL_LABEL or self._channel is not None:
            logger.warning("data channel refused", extra={"label": channel.label})
            channel.close()
            return False
        self._channel = channel
        channel.on("message", self._receive)
        channel.on("bufferedamountlow", self._drained.set)
        return True

    def send(self, message: ServerMessage) -> bool:
        """Send ``message``; False, and counted, when there is no channel or it is congested."""
        channel = self._channel
        if (
            channel is None
            or channel.readyState != "open"
            or channel.bufferedAmount > _MAX_BUFFERED_BYTES
        ):
            self._metrics.unsent_messages.inc()
            return False
        channel.send(messages.serialize(message))
        return True

    async def drain(self, timeout_s: float) -> None:
        """Wait until all that was sent has left, at most ``timeout_s``."""
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount == 0:
            return
        self._drained.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._drained.wait(), timeout_s)

    def _receive(self, data: str | bytes) -> None:
        try:
            message = messages.parse(data)
        except messages.MessageError as error:
            self._metrics.invalid_messages.inc()
            self.send(messages.Error(code="invalid-message", message=str(error), fatal=False))
            return
        self._on_message(message)
