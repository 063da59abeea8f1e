"""What tests of every folder share: a portrait, speech, a browser."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hibari import SAMPLE_RATE as VOICE_RATE
from hibari import Hibari
from numpy.typing import NDArray
from scipy.signal import resample_poly

from tests.browser import chromium as chromium_setup

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def own_data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep all servers away from the user's own data: they sign the recordings found there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data_home")))
        yield


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """Return a JPEG of one face, smiling with the teeth out: 512x512."""
    return (ROOT / "client_web" / "portraits" / "astronaut.jpg").read_bytes()


@pytest.fixture(scope="session")
def speech() -> NDArray[np.float32]:
    """Return two spoken sentences, 4.25 s at 16 kHz, (samples,), peak 0.5; always the same."""
    voice = Hibari(threads=1)("Bob may move the big map. Five blue fish swam home.", seed=0)
    spoken = np.asarray(resample_poly(voice, 16_000, VOICE_RATE), np.float32)
    return spoken * np.float32(0.5 / np.abs(spoken).max())


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the Chromium or Chrome to test with."""
    path = chromium_setup.find()
    if path is None:
        pytest.fail("no Chromium or Chrome: run `make setup-dev`, or set CHROMIUM=/path/to/it")
    return path
