"""Are sound and picture together for a viewer, too, when neither end is ours?

`python -m benchmarks.watch_skew [--seconds 300]`. FFmpeg publishes single words to an avatar by
WHIP, Chromium watches it by WHEP with a player from npm; what is measured, and how, is as in
`benchmarks.live_skew`. The avatar is the default portrait, whose head is held still. The player
comes half a minute after FFmpeg: that begins a second late and makes up for it by reading 5 %
faster, and a player that learns its clock meanwhile shows the pictures some 40 ms early for long.
"""

import argparse
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from benchmarks.material import portrait
from benchmarks.record import Figure, measure_baseline, report
from server.consent import WORDS
from tests.browser import chromium
from tests.browser.bursts import speech_bursts, write_wav
from tests.browser.launch import chromium_hearing
from tests.browser.lip_sync import mouth_onset_ms, sound_onsets_ms
from tests.browser.mouth_box import mouth_box
from tests.browser.recording import Recording, record
from tests.browser.serving import serve
from tests.browser.watching import npm_player, publishing, watching

WARM_UP_S = 20.0
CATCH_UP_S = 30.0
_WORDS = 24
_AVATAR = "still"


def make_live(url: str) -> bytes:
    """Keep an avatar whose head rests, and let it be live; return how it looks, a JPEG."""
    with httpx.Client(base_url=url, timeout=30) as http:
        http.put(
            f"/v1/avatars/{_AVATAR}",
            files={"image": ("portrait.jpg", portrait(), "image/jpeg")},
            data={"consent": WORDS, "head_speed": "0"},
        ).raise_for_status()
        http.put(f"/v1/avatars/{_AVATAR}/live").raise_for_status()
        # Not what was uploaded: a portrait is cut to its face.
        return http.get(f"/v1/avatars/{_AVATAR}/still.jpg").raise_for_status().content


def watch(seconds: float) -> Recording:
    """Publish, watch, let it settle, record. Raises FileNotFoundError without Chromium."""
    executable = chromium.find()
    if executable is None:
        raise FileNotFoundError("no Chromium or Chrome: run `make setup-dev`, or set CHROMIUM")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "npm").mkdir()
        player, wav = npm_player(folder / "npm"), folder / "words.wav"
        write_wav(wav, speech_bursts(_WORDS)[0])
        with serve("--port", "0", data_home=folder) as served:
            mouth = mouth_box(make_live(served.url))
            with (
                chromium_hearing(wav, executable) as browser,
                publishing(served.url, wav, _AVATAR),
            ):
                time.sleep(CATCH_UP_S)
                with watching(browser, served.url, player, _AVATAR, mouth) as page:
                    record(page, WARM_UP_S)
                    return record(page, seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    seconds = parser.parse_args().seconds
    baseline = measure_baseline()
    recording = watch(seconds)
    onsets = sound_onsets_ms(recording.remote)
    opened = [(mouth_onset_ms(recording, at), at) for at in onsets]
    skews = np.array([mouth - at for mouth, at in opened if mouth is not None])
    if not skews.size:
        raise SystemExit(
            f"found no mouth that opens at {len(onsets)} words: too few pictures shown"
        )
    low, high = np.percentile(skews, [2.5, 97.5])
    shown = float(np.diff(recording.presented_frames).sum()) / seconds
    told = (
        f"mean {skews.mean():+.1f} ms, 95 % of {len(skews)} words within {low:+.0f}..{high:+.0f}"
        f" ms; {len(onsets) - len(skews)} mouths were not seen to open; {shown:.2f} frames a second"
    )
    report(
        "watch_skew: are sound and picture together for a viewer?",
        [Figure("mouth opens minus sound starts", "ms", tuple(skews.tolist()))],
        baseline=baseline,
        settings={"seconds": seconds, "warm_up_s": WARM_UP_S, "fps": round(shown, 2)},
        conclusions=(told,),
    )


if __name__ == "__main__":
    main()
