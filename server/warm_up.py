"""From a started process to one that takes calls."""

import logging

from server.admission import Admission
from server.capacity import Capacity, measure
from server.portraits import Portrait, Portraits
from server.services import Services

logger = logging.getLogger(__name__)


async def warm_up(services: Services, admission: Admission, default: Portrait) -> None:
    """Start inference, warm the model, learn how many calls fit, then let them in.

    Raises what the model raises when it cannot compute on this machine.
    """
    inference, config = services.inference, services.config

    def prepare() -> Capacity:
        inference.avatar.warm_up()
        return measure(inference.avatar, default.identity, config.video)

    capacity = await inference.start(prepare)
    admission.max_sessions = config.call.max_sessions or capacity.sessions
    services.metrics.max_sessions.set(admission.max_sessions)
    logger.info(
        "ready",
        extra={
            "max_sessions": admission.max_sessions,
            "hop_ms": round(capacity.hop_ms, 1),
            "realtime_factor": round(capacity.realtime_factor, 2),
        },
    )


async def prepare_portraits(portraits: Portraits) -> None:
    """Prepare the files that are not yet, so that no call waits for one of them."""
    for file in portraits.files:
        try:
            await portraits.get(file.id)
        except Exception:
            # The others can be shown: whoever chooses this one is told the same.
            logger.exception("a portrait cannot be used", extra={"portrait": file.id})
