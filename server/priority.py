"""A call is live: what it is late with is lost. So it goes before what can wait."""

import logging
import os

logger = logging.getLogger(__name__)


def prefer(nice: int) -> None:
    """Give this thread, and all that it begins from now on, a priority as of nice(1).

    Logs which priority it has. A system may not permit one below 0: the old one is kept then.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except PermissionError:
        logger.info(
            "the system does not permit a higher priority: other programs can make calls late",
            extra={"nice": os.getpriority(os.PRIO_PROCESS, 0), "wanted": nice},
        )
    else:
        logger.info("priority", extra={"nice": nice})
