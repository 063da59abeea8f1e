"""What a browser heard and drew during a call, as probe.js saw it."""

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from tests.browser.launch import PROBE

CROP_SHAPE = (32, 48)  # as in probe.js
_QUARTERS = 4
_TAKE_PERIOD_S = 2.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """A part of the picture, in 0..1 of its width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Sound:
    """Loudness over time: (N,) milliseconds on the page's clock, (N,) root mean square, 0..1.

    A value covers the quarter of a buffer, 2.5 ms, that begins at its time.
    """

    times_ms: Array
    rms: Array


@dataclass(frozen=True)
class Recording:
    """One stretch of a call. All times are milliseconds of the page's performance.now().

    `frame_times_ms` (F,) when a picture was expected on the screen; `presented_frames` (F,) the
    browser's own count, which also counts pictures that the probe was too late to see; `mouths`
    (F, 32, 48) the kept part of each picture, grey 0..255; `messages` from the control channel;
    `inbound` the browser's receive statistics, one list per look.
    """

    microphone: Sound
    remote: Sound
    frame_times_ms: Array
    presented_frames: Array
    mouths: NDArray[np.uint8]
    messages: tuple[dict[str, Any], ...]
    inbound: tuple[list[dict[str, Any]], ...]

    @property
    def stats_messages(self) -> list[dict[str, Any]]:
        """The server's own figures, one per second."""
        return [message for message in self.messages if message["type"] == "stats"]


def install_probe(page: Page) -> None:
    """Observe every call of `page`; before it goes to its address."""
    page.add_init_script(path=PROBE)


def watch_mouth(page: Page, box: Box) -> None:
    """Keep only `box` of every picture."""
    crop = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    page.evaluate("(crop) => { likenessProbe.crop = crop }", crop)


def record(
    page: Page, seconds: float, *, each_look: Callable[[], None] = lambda: None
) -> Recording:
    """Record the call of `page` for `seconds` from now; `each_look` is called every 2 s."""
    _take(page)
    end = time.monotonic() + seconds
    looks: list[dict[str, Any]] = []
    while (left_s := end - time.monotonic()) > 0:
        page.wait_for_timeout(1000 * min(left_s, _TAKE_PERIOD_S))
        looks.append(_take(page))
        each_look()
    return _join(looks)


def _take(page: Page) -> dict[str, Any]:
    taken: dict[str, Any] = page.evaluate("likenessProbe.take()")
    return taken


def _join(looks: Sequence[dict[str, Any]]) -> Recording:
    def numbers(name: str, columns: int) -> Array:
        data = b"".join(base64.b64decode(look[name]) for look in looks)
        return np.frombuffer(data, np.float64).reshape(-1, columns)

    frames = numbers("frames", 4)
    crops = b"".join(base64.b64decode(look["crops"]) for look in looks)
    return Recording(
        # A captured buffer is stamped when it is full, a played one when it begins.
        microphone=_sound(numbers("microphone", 2 + _QUARTERS), stamped_at_end=True),
        remote=_sound(numbers("remote", 2 + _QUARTERS), stamped_at_end=False),
        frame_times_ms=frames[:, 1],
        presented_frames=frames[:, 2],
        mouths=np.frombuffer(crops, np.uint8).reshape(-1, *CROP_SHAPE),
        messages=tuple(message for look in looks for message in look["messages"]),
        inbound=tuple(look["inbound"] for look in looks),
    )


def _sound(buffers: Array, *, stamped_at_end: bool) -> Sound:
    """`buffers` (N, 2 + quarters): time, duration, loudness of every quarter."""
    stamps_ms, durations_ms, rms = buffers[:, 0], buffers[:, 1], buffers[:, 2:]
    starts_ms = stamps_ms - durations_ms if stamped_at_end else stamps_ms
    quarters = np.arange(_QUARTERS) / _QUARTERS
    times_ms = starts_ms[:, None] + durations_ms[:, None] * quarters
    return Sound(times_ms.reshape(-1), rms.reshape(-1))
