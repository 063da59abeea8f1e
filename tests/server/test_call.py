"""Two real peers: aiortc as the browser, and the whole server; only the model is a fake."""

from typing import Any

import numpy as np

from server import messages
from tests.server.caller import Caller
from tests.server.conftest import Serve


def is_bright(colour: "np.ndarray[Any, Any]") -> bool:
    return bool(colour[1] > 120)


async def test_sound_comes_back_and_the_picture_follows_it(serve: Serve) -> None:
    async with serve() as running, Caller(running.http) as caller:
        await caller.connect()
        await caller.until_sound(lambda rms: rms > 5000)
        await caller.until_pictures(is_bright)
        caller.speaker.loud = False
        await caller.until_sound(lambda rms: rms < 100)
        await caller.until_pictures(lambda colour: not is_bright(colour))
        stats = await caller.until_message(messages.Stats)
        assert isinstance(stats, messages.Stats)
        assert stats.num_steps == 4
        assert stats.playout_delay_ms == 240
