"""The whole model, with the weights that ship: what server and command line rely on."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.avatar import (
    DEFAULT_WEIGHTS,
    Avatar,
    AvatarState,
    Controls,
    HopRequest,
    WeightsError,
)
from model.identity.identity import Identity
from model.identity.picture import PortraitError
from model.motion.blink import initial_blink_state, next_closures
from model.motion.denoiser import DenoiserConfig, MotionDenoiser
from model.motion.motion_model import MotionModel
from model.motion.space import INNER_LIP_PAIRS, MotionSpace
from model.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME

PORTRAIT = Path(__file__).parents[2] / "client_web" / "portraits" / "astronaut.jpg"
SECONDS = 4


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    """The avatar as shipped."""
    return Avatar.load()


def babble(seed: int = 0) -> NDArray[np.float32]:
    """Vowel-like pulses with pauses between them, (SECONDS * 16000,)."""
    t = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    voice = np.sign(np.sin(2 * np.pi * (120 + 20 * seed) * t)) * np.sin(2 * np.pi * 700 * t)
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, 1)
    return np.asarray(0.3 * voice * syllables, np.float32)


def animate(
    avatar: Avatar, samples: NDArray[np.float32], controls: Controls | None = None, seed: int = 1
) -> torch.Tensor:
    """Motion (L, M + 2) of whole hops of sound."""
    state = avatar.open(seed)
    hop = avatar.hop_frames * SAMPLES_PER_FRAME
    return torch.cat(
        [
            avatar.animate([HopRequest(state, chunk, controls or Controls(), 2)])[0]
            for chunk in samples.reshape(-1, hop)
        ]
    )


def lip_gap(avatar: Avatar, motion: torch.Tensor) -> torch.Tensor:
    """Mean opening of the inner lips over the neutral, (L,), in face widths."""
    deltas = avatar.face_motion(motion).deltas
    upper, lower = (list(side) for side in zip(*INNER_LIP_PAIRS, strict=True))
    return (deltas[:, lower, 1] - deltas[:, upper, 1]).mean(dim=1)


def test_sessions_in_a_batch_do_not_touch_each_other(avatar: Avatar) -> None:
    first, second = babble(0), babble(3)
    hop = avatar.hop_frames * SAMPLES_PER_FRAME
    states = [avatar.open(1), avatar.open(1)]
    happy = Controls("happy", 1.0, 0.9)
    together = [
        avatar.animate(
            [HopRequest(states[0], a, Controls(), 2), HopRequest(states[1], b, happy, 2)]
        )
        for a, b in zip(first.reshape(-1, hop), second.reshape(-1, hop), strict=True)
    ]
    torch.testing.assert_close(
        torch.cat([pair[0] for pair in together]), animate(avatar, first), rtol=1e-3, atol=1e-3
    )
    alone = animate(avatar, second, happy)
    torch.testing.assert_close(
        torch.cat([pair[1] for pair in together]), alone, rtol=1e-3, atol=1e-3
    )


def test_different_step_counts_share_a_batch(avatar: Avatar) -> None:
    silence = np.zeros(avatar.hop_frames * SAMPLES_PER_FRAME, np.float32)
    requests = [HopRequest(avatar.open(5), silence, Controls(), steps) for steps in (3, 1, 3)]
    motion = avatar.animate(requests)
    torch.testing.assert_close(motion[0], motion[2], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(motion[0], motion[1])


def test_lips_move_with_sound_and_rest_in_silence(avatar: Avatar) -> None:
    loud = lip_gap(avatar, animate(avatar, babble()))
    quiet = lip_gap(avatar, animate(avatar, np.zeros(SECONDS * SAMPLE_RATE, np.float32)))
    settled = quiet[FPS:]
    assert settled.abs().max() < 0.02
    assert loud.std() > 3 * settled.std()


def test_two_sessions_agree_on_the_lips_and_not_on_the_head(
    avatar: Avatar, speech: NDArray[np.float32]
) -> None:
    hop = avatar.hop_frames * SAMPLES_PER_FRAME
    whole = speech[: len(speech) // hop * hop]
    one, other = (animate(avatar, whole, seed=seed) for seed in (1, 2))
    lips = torch.stack([lip_gap(avatar, one), lip_gap(avatar, other)])
    assert float(torch.corrcoef(lips)[0, 1]) > 0.9
    first, second = (avatar.face_motion(motion).rotation for motion in (one, other))
    assert (first - second).square().mean() > 0.05 * first.var(dim=0).mean()


def test_breath_goes_in_and_out(avatar: Avatar) -> None:
    breath = animate(avatar, np.zeros(2 * SECONDS * SAMPLE_RATE, np.float32))[:, -1]
    assert breath.min() < -0.9
    assert breath.max() > 0.9
    assert breath.diff().abs().max() < 0.1


@pytest.mark.parametrize("expression", ["neutral", "surprised", "happy"])
def test_a_blink_takes_the_lids_from_where_they_are_to_shut(
    avatar: Avatar, expression: str
) -> None:
    silence = np.zeros(3 * SECONDS * SAMPLE_RATE, np.float32)
    motion = animate(avatar, silence, Controls(expression, 1.0), seed=4)
    down = torch.from_numpy(next_closures(initial_blink_state(4), len(motion)))
    assert down.max() > 0.9
    deepest = int(down.argmax())
    lids = avatar.face_motion(motion).lid_closure
    left_open = 1 - lids
    # Where lids would be without the blink is as before it.
    before = left_open[int((down > 0).nonzero()[0]) - 1]
    torch.testing.assert_close(
        left_open[deepest], before * (1 - down[deepest]), atol=0.02, rtol=0.2
    )


def test_expression_comes_over_gradually(avatar: Avatar) -> None:
    silence = np.zeros(SECONDS * SAMPLE_RATE, np.float32)
    plain = avatar.face_motion(animate(avatar, silence)).deltas
    happy = avatar.face_motion(animate(avatar, silence, Controls("happy", 1.0))).deltas
    corner = happy[:, 61, 1] - plain[:, 61, 1]
    assert corner[-1] < -0.01
    assert abs(corner[0]) < 0.2 * abs(corner[-1])


@pytest.mark.parametrize(("expression", "expected"), [("sad", 1.0), ("happy", 0.0)])
def test_a_contrary_expression_puts_the_portrait_s_own_aside_gradually(
    avatar: Avatar, expression: str, expected: float
) -> None:
    silence = np.zeros(SECONDS * SAMPLE_RATE, np.float32)
    aside = animate(avatar, silence, Controls(expression, 0.5))[:, -2]
    assert float(aside[-1]) == pytest.approx(expected, abs=1e-3)
    assert float(aside.diff().abs().max()) < 0.13


def test_what_is_put_aside_is_the_smile_of_the_portrait(
    avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    smiling = avatar.identify(PORTRAIT.read_bytes())
    monkeypatch.setattr("model.identity.identity._KEPT_EXPRESSION", 0.0)
    plain = avatar.identify(PORTRAIT.read_bytes())
    at_rest = torch.zeros(1, avatar._space.dim + 2)
    without = at_rest.clone()
    without[:, -2] = 1
    face = plain.landmarks[[61, 291, 152, 1], :2]
    (left, top), (right, bottom) = face.min(axis=0).astype(int), face.max(axis=0).astype(int)

    def mouth(identity: Identity, row: torch.Tensor) -> NDArray[np.float64]:
        picture = avatar.render(identity, row, avatar.open(0))[0]
        return np.asarray(picture[top:bottom, left:right], np.float64)

    goal = mouth(plain, at_rest)
    left_over, before = (
        float(np.abs(mouth(smiling, row) - goal).mean()) for row in (without, at_rest)
    )
    assert left_over < 0.5 * before
    person = avatar.cut_out(smiling, without, avatar.render(smiling, without, avatar.open(0)))
    assert (person != avatar.cut_out(smiling, at_rest, person[..., :3])).any()


def test_a_wrong_number_of_samples_is_refused(avatar: Avatar) -> None:
    request = HopRequest(avatar.open(0), np.zeros(100, np.float32), Controls(), 2)
    with pytest.raises(ValueError, match=r"samples are \(100,\), expected \(1280,\)"):
        avatar.animate([request])


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"expression": "bored"}, "expression is 'bored', expected one of neutral"),
        ({"head_speed": 1.5}, "head_speed is 1.5, expected 0 to 1"),
        ({"expression_strength": -0.1}, "expression_strength is -0.1, expected 0 to 1"),
    ],
)
def test_controls_out_of_range_are_refused(controls: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Controls(**controls)  # type: ignore[arg-type]


def test_frames_are_drawn_at_the_portraits_size(avatar: Avatar) -> None:
    identity = avatar.identify(PORTRAIT.read_bytes(), 256)
    frames = avatar.render(identity, animate(avatar, babble())[20:23], avatar.open(0))
    assert frames.shape == (3, 256, 256, 3)
    assert frames.dtype == np.uint8
    assert identity.still.shape == (256, 256, 3)


def test_frame_by_frame_it_draws_the_same(avatar: Avatar) -> None:
    identity = avatar.identify(PORTRAIT.read_bytes(), 256)
    motion, state, gains = animate(avatar, babble())[20:23], avatar.open(0), [1.0, 0.5, 0.0]
    alone = [
        avatar.render(identity, motion[i : i + 1], state, mouth_gain=gains[i : i + 1])[0]
        for i in range(len(motion))
    ]
    together = avatar.render(identity, motion, state, mouth_gain=gains)
    # The mouth's patch is as large as the widest one drawn with it.
    assert np.abs(np.stack(alone).astype(int) - together).max() <= 8


def test_a_mouth_without_gain_rests_and_all_else_moves(avatar: Avatar) -> None:
    identity = avatar.identify(PORTRAIT.read_bytes(), 256)
    motion = animate(avatar, babble())[20:21]
    resting = motion.clone()
    resting[:, avatar._space.mouth] = 0
    state = avatar.open(0)
    assert (avatar.render(identity, motion, state) != avatar.render(identity, resting, state)).any()
    np.testing.assert_array_equal(
        avatar.render(identity, motion, state, mouth_gain=[0.0]),
        avatar.render(identity, resting, state),
    )


def test_a_head_moves_as_its_room_and_its_tilt_have_it(avatar: Avatar) -> None:
    identity = avatar.identify(PORTRAIT.read_bytes(), 256)
    motion = torch.zeros(1, avatar._space.dim + 2)
    motion[0, avatar._space.head.start + 3] = 2.0  # shifted to the right

    def carried(gain: float, rotation: torch.Tensor) -> tuple[int, int]:
        """How far a white square beside the head has gone."""
        rig = replace(
            identity.rig, head_weight=torch.ones(65, 65), head_gain=gain, rotation=rotation
        )
        texture = np.zeros_like(identity.texture)
        texture[39:46, 39:46] = 255
        own = replace(identity, rig=rig, texture=texture)
        frame = avatar.render(own, motion, avatar.open(0))[0, :60, :60, 0].astype(float)
        total = frame.sum()
        x, y = (float((frame.sum(axis=axis) * np.arange(60)).sum() / total) for axis in (0, 1))
        return round(x - 21), round(y - 21)

    upright = torch.eye(3)
    on_its_side = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    free = carried(1.0, upright)
    assert free[0] > 4
    assert free[1] == 0
    assert carried(1.0, on_its_side) == free[::-1]
    assert carried(0.0, upright) == (0, 0)


def test_the_mouth_is_painted_where_that_is_asked_for(avatar: Avatar) -> None:
    identity = avatar.identify(PORTRAIT.read_bytes(), 256)
    motion = animate(avatar, babble())
    painter = Avatar.load(paints=True)
    assert painter.paints
    assert not avatar.paints
    warped = avatar.render(identity, motion[:1], avatar.open(0))
    given_way = painter.render(identity, motion[:1], warped_for_long(painter), painted=False)
    np.testing.assert_array_equal(given_way, warped)
    talking = motion[20:60]
    painted = painter.render(identity, talking, painter.open(0))
    assert (painted != avatar.render(identity, talking, avatar.open(0))).any()


def warped_for_long(avatar: Avatar) -> AvatarState:
    """A session whose painted mouth has given way to its warp."""
    state = avatar.open(0)
    state.paint.gain = 0.0
    return state


def test_a_picture_without_a_face_is_refused(avatar: Avatar) -> None:
    with pytest.raises(PortraitError):
        avatar.identify(b"not a picture")


def test_missing_weights_say_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"not found in .*reinstall"):
        Avatar.load(tmp_path)


def test_truncated_weights_say_so(tmp_path: Path) -> None:
    for file in DEFAULT_WEIGHTS.glob("*.safetensors"):
        shutil.copy(file, tmp_path)
    denoiser = tmp_path / "motion_denoiser.safetensors"
    denoiser.write_bytes(denoiser.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="damaged or of another version"):
        Avatar.load(tmp_path)


def test_a_retrained_part_of_the_same_size_is_noticed(tmp_path: Path) -> None:
    for file in DEFAULT_WEIGHTS.glob("*.safetensors"):
        shutil.copy(file, tmp_path)
    path = tmp_path / "motion_space.safetensors"
    space = MotionSpace.load(path)
    replace(space, scale=space.scale * 1.5).save(path)
    with pytest.raises(WeightsError, match=r"trained with another motion_space\.safetensors"):
        Avatar.load(tmp_path)


def test_weights_of_several_versions_say_so(tmp_path: Path) -> None:
    for file in DEFAULT_WEIGHTS.glob("*.safetensors"):
        shutil.copy(file, tmp_path)
    smaller = MotionDenoiser(DenoiserConfig(motion_dim=5, feature_dim=8, num_mouth=2))
    MotionModel(smaller).save(tmp_path / "motion_denoiser.safetensors")
    with pytest.raises(WeightsError, match=r"size \(5, 2, 8\), expected .*several versions"):
        Avatar.load(tmp_path)
