import numpy as np
import pytest

from model.features.encoder import CausalAudioEncoder
from model.train.encoder_report import ctc_tokens, edit_distance, listen


@pytest.mark.parametrize(
    ("said", "meant", "distance"),
    [([], [], 0), ([1, 2, 3], [1, 2, 3], 0), ([1, 3], [1, 2, 3], 1), ([4, 2], [1, 2, 3], 2)],
)
def test_edit_distance(said: list[int], meant: list[int], distance: int) -> None:
    assert edit_distance(said, meant) == distance
    assert edit_distance(meant, said) == distance


def test_ctc_reading_merges_repeats_but_not_across_blanks() -> None:
    blank = 3
    frames = np.eye(4)[[0, 0, blank, 0, 1, 1, blank]]
    assert ctc_tokens(frames, {blank}) == [0, 0, 1]


def test_listening_gives_a_row_for_every_20_ms_of_the_recording() -> None:
    encoder = CausalAudioEncoder().eval()
    rows = listen(encoder, np.zeros(3 * 640 + 100, np.float32))
    assert rows.shape == (2 * 4, encoder.config.subvector_dim)
