"""FFmpeg publishes by WHIP, and a browser watches by WHEP with a player that is not ours."""

import statistics
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.lip_sync import mouth_onset_ms, sound_onsets_ms
from tests.browser.mouth_box import mouth_box
from tests.browser.recording import Recording, record
from tests.browser.serving import Served
from tests.browser.watching import npm_player, publishing, watching

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AVATAR = "astronaut"
SETTLING_S = 8.0
RECORDED_S = 24.0
# Of a machine that is awake.
LEAST_FPS = 15.0


@pytest.fixture(scope="module")
def recording(
    browser: Browser,
    small_server: Served,
    bursts_wav: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Recording:
    """Return what the player played once it had settled."""
    player = npm_player(tmp_path_factory.mktemp("npm"))
    begin = urllib.request.Request(f"{small_server.url}/v1/avatars/{AVATAR}/live", method="PUT")
    urllib.request.urlopen(begin).close()
    with urllib.request.urlopen(f"{small_server.url}/v1/portraits/{AVATAR}/image") as answer:
        mouth = mouth_box(answer.read())
    with (
        publishing(small_server.url, bursts_wav, AVATAR),
        watching(browser, small_server.url, player, AVATAR, mouth) as page,
    ):
        record(page, SETTLING_S)
        return record(page, RECORDED_S)


def test_the_picture_moves(recording: Recording) -> None:
    # How many a second is for the benchmarks to say: it depends on what else the machine does.
    shown = int(np.diff(recording.presented_frames).sum())
    assert shown > 20, f"found {shown} pictures in {RECORDED_S:.0f} s"
    changes = np.abs(np.diff(recording.mouths.astype(float), axis=0)).mean(axis=(1, 2))
    assert (changes > 1).sum() > 10


def test_the_words_are_heard(recording: Recording) -> None:
    onsets = sound_onsets_ms(recording.remote)
    assert len(onsets) >= 6, f"heard {len(onsets)} words, expected at least 6"


@pytest.mark.usefixtures("awake_machine")
def test_the_mouth_opens_with_the_words(recording: Recording) -> None:
    # Not by the browser's own count: a busy page is told of fewer pictures than it shows.
    seen = len(recording.mouths) / RECORDED_S
    assert seen >= LEAST_FPS, f"saw {seen:.1f} pictures a second"
    skews = [
        opened - at
        for at in sound_onsets_ms(recording.remote)
        if (opened := mouth_onset_ms(recording, at)) is not None
    ]
    assert len(skews) >= 4
    assert abs(statistics.median(skews)) < 150, skews
