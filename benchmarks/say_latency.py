"""say_latency: how long from a text to its first sound and its first frame at a viewer?

`python -m benchmarks.say_latency [--sentences N]`. The real server with the built-in voice, and a
viewer on the same machine, over WebRTC. Each sentence has ten words, begins with an open vowel, and
is sent after a silence. The first sound is the first decoded packet that can be heard; the first
frame the first decoded picture in which the mouth has opened, by the measure of
`benchmarks.live_skew`. What the viewer's own buffer and decoding take is in them.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass, field

import httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray
from PIL import Image

from benchmarks.material import portrait
from benchmarks.record import if_any, measure_baseline, report
from tests.browser.lip_sync import mouth_onset_ms
from tests.browser.mouth_box import mouth_box
from tests.browser.recording import CROP_SHAPE, Recording, Sound
from tests.browser.serving import serve

_AVATAR = "/v1/avatars/astronaut"
_TEXTS = (
    "All of us went out to see the old moon.",
    "Our house is at the end of the long road.",
    "Out on the lake the boat lay still all day.",
    "Ask her to come with us on the next trip.",
    "Almost all of the apples were gone by that time.",
)
_WARM_UP = 2
_SILENCE_S = 2.0
_LISTEN_S = 2.5
_AUDIBLE = 0.01
_INT16_PEAK = 32_768


@dataclass
class Seen:
    """What a viewer decoded: times in ms, loudness 0..1, mouths (32, 48) grey."""

    sound_ms: list[float] = field(default_factory=list)
    rms: list[float] = field(default_factory=list)
    picture_ms: list[float] = field(default_factory=list)
    mouths: list[NDArray[np.uint8]] = field(default_factory=list)

    def first_sound_ms(self, after_ms: float) -> float | None:
        """Return when the first sound after ``after_ms`` came, if any did."""
        heard = zip(self.sound_ms, self.rms, strict=True)
        return min((at for at, rms in heard if at > after_ms and rms > _AUDIBLE), default=None)

    def first_frame_ms(self, sound_ms: float) -> float | None:
        """Return when the mouth was seen to open near ``sound_ms``, if it was."""
        if not self.mouths:
            return None
        none = Sound(np.zeros(0), np.zeros(0))
        times = np.asarray(self.picture_ms)
        seen = Recording(none, none, times, times, np.stack(self.mouths), (), ())
        return mouth_onset_ms(seen, sound_ms)


def _now_ms() -> float:
    return time.perf_counter() * 1000


class Viewer:
    """Watches by WHEP, and keeps what it decodes in ``seen``."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.seen = Seen()
        self._http = http
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._box = mouth_box(portrait())
        self._tasks: list[asyncio.Task[None]] = []
        self._peer.on("track", self._on_track)

    async def connect(self) -> None:
        """Offer, and take the answer."""
        for kind in ("audio", "video"):
            self._peer.addTransceiver(kind, "recvonly")
        await self._peer.setLocalDescription(await self._peer.createOffer())
        response = await self._http.post(
            "/whep/astronaut",
            content=self._peer.localDescription.sdp,
            headers={"Content-Type": "application/sdp"},
        )
        response.raise_for_status()
        await self._peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))

    async def aclose(self) -> None:
        """Hang up."""
        await self._peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._record(track)))

    async def _record(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                media = await track.recv()
            except MediaStreamError:
                return
            now_ms = _now_ms()
            if isinstance(media, AudioFrame):
                samples = media.to_ndarray() / _INT16_PEAK
                self.seen.sound_ms.append(now_ms)
                self.seen.rms.append(float(np.sqrt(np.mean(samples**2))))
            elif isinstance(media, VideoFrame):
                self.seen.picture_ms.append(now_ms)
                self.seen.mouths.append(self._mouth(media))

    def _mouth(self, frame: VideoFrame) -> NDArray[np.uint8]:
        grey = Image.fromarray(frame.to_ndarray(format="gray"))
        box = self._box
        left, top = box.x * frame.width, box.y * frame.height
        right, bottom = left + box.width * frame.width, top + box.height * frame.height
        height, width = CROP_SHAPE
        return np.asarray(grey.resize((width, height), box=(left, top, right, bottom)))


async def say_all(url: str, sentences: int) -> tuple[list[float], list[float], list[float]]:
    """Return ms to the answer, to the first sound, and to the first frames that were seen."""
    answers: list[float] = []
    sounds: list[float] = []
    frames: list[float] = []
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        (await http.put(f"{_AVATAR}/live")).raise_for_status()
        viewer = Viewer(http)
        await viewer.connect()
        try:
            for number in range(-_WARM_UP, sentences):
                await asyncio.sleep(_SILENCE_S)
                viewer.seen = Seen()
                # So much of the mouth at rest is looked at.
                await asyncio.sleep(0.5)
                text = _TEXTS[number % len(_TEXTS)]
                asked_ms = _now_ms()
                response = await http.post(f"{_AVATAR}/say", json={"text": text})
                response.raise_for_status()
                answered_ms = _now_ms()
                await asyncio.sleep(_LISTEN_S)
                sound_ms = viewer.seen.first_sound_ms(asked_ms)
                if number >= 0:
                    answers.append(answered_ms - asked_ms)
                if number >= 0 and sound_ms is not None:
                    sounds.append(sound_ms - asked_ms)
                    if (frame_ms := viewer.seen.first_frame_ms(sound_ms)) is not None:
                        frames.append(frame_ms - asked_ms)
                await asyncio.sleep(_LISTEN_S)
        finally:
            await viewer.aclose()
    return answers, sounds, frames


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sentences", type=int, default=20)
    sentences = parser.parse_args().sentences
    baseline = measure_baseline()
    with serve("--port", "0") as served:
        answers, sounds, frames = asyncio.run(say_all(served.url, sentences))
    report(
        "say_latency: how long from a text to its first sound and frame at a viewer?",
        [
            *if_any("text to answer (the first sentence is sound)", "ms", answers),
            *if_any("text to first sound", "ms", sounds),
            *if_any("text to first frame, where seen", "ms", frames),
        ],
        baseline=baseline,
        settings={"sentences": sentences},
        conclusions=(
            f"of {len(answers)} sentences, no sound came of {len(answers) - len(sounds)} within"
            f" {_LISTEN_S:g} s, and no mouth was seen to open in {len(answers) - len(frames)}",
        ),
    )


if __name__ == "__main__":
    main()
