import numpy as np
import pytest

asr = pytest.importorskip("hama.asr", reason="the teacher comes with the `train` extra")
teacher = pytest.importorskip("model.train.encoder_teacher")


def test_batched_teacher_says_what_hama_says() -> None:
    rng = np.random.default_rng(0)
    times_s = np.arange(2 * 16_000) / 16_000
    sound = 0.1 * np.sin(2 * np.pi * 150 * times_s) * (1 + np.sin(2 * np.pi * 3 * times_s))
    samples = (sound + 0.01 * rng.standard_normal(len(sound))).astype(np.float32)
    feeds = {"waveform": samples[None], "waveform_lengths": np.array([len(samples)])}
    (expected,) = asr.ASRModel().session.run(["log_probs"], feeds)
    judgement = teacher.PhonemeTeacher()(samples)
    assert len(judgement.hidden) == len(samples) // teacher.FRAME_SAMPLES + 1
    np.testing.assert_allclose(np.exp(judgement.log_probs), np.exp(expected[0]), atol=0.01)
