"""The mouth is painted from frame to frame; the rest of the picture is the warp."""

from pathlib import Path

import numpy as np
import torch

from model.frames.frame_denoiser import FrameDenoiser, FrameDenoiserConfig
from model.frames.painter import (
    MouthPainter,
    PaintState,
    load_frame_denoiser,
    save_frame_denoiser,
)
from model.frames.renderer import Renderer
from model.frames.warp import Head, head_motion
from tests.model.frames.motions import moved, opened, stacked
from tests.model.identity.astronaut import identity

OPEN = moved(opened(0.1))
TALKING = [moved(opened(0.02 * i), rotation=(0.0, 0.02 * i, 0.0)) for i in range(5)]


def denoiser(spread: float = 0.05) -> FrameDenoiser:
    torch.manual_seed(0)
    network = FrameDenoiser(FrameDenoiserConfig(widths=(16, 16)))
    torch.nn.init.normal_(network.out.weight, std=spread)
    return network


def test_untrained_the_warp_is_drawn() -> None:
    frames = Renderer(MouthPainter(denoiser(0.0))).render(identity(), stacked(TALKING))
    np.testing.assert_array_equal(frames, Renderer().render(identity(), stacked(TALKING)))


def test_only_the_mouth_is_painted() -> None:
    painted = Renderer(MouthPainter(denoiser())).render(identity(), OPEN)[0].astype(int)
    changed = np.abs(painted - Renderer().render(identity(), OPEN)[0]).max(axis=-1) > 0
    rows, columns = np.nonzero(changed)
    lips = identity().landmarks[[13, 14], :2].mean(axis=0)
    reach = 0.3 * identity().rig.scale
    assert changed.sum() > 200
    assert np.abs(columns - lips[0]).max() < reach
    assert np.abs(rows - lips[1]).max() < reach


def test_frames_one_by_one_are_those_of_a_batch() -> None:
    painter = MouthPainter(denoiser())
    motion = stacked(TALKING)
    head = head_motion(identity().rig, motion)
    warps = Renderer().render(identity(), motion)
    whole, single = warps.copy(), warps.copy()
    with torch.inference_mode():
        painter.paint(whole, identity(), head, motion, PaintState())
        state = PaintState()
        for i in range(len(single)):
            own = Head(head.rotation[i : i + 1], head.size[i : i + 1], head.shift[i : i + 1])
            painter.paint(single[i : i + 1], identity(), own, TALKING[i], state)
    assert (whole != warps).any()
    np.testing.assert_array_equal(whole, single)


def test_the_last_pictures_are_a_condition_until_the_portrait_changes() -> None:
    renderer = Renderer(MouthPainter(denoiser()))
    state = PaintState()
    first = renderer.render(identity(), OPEN, state=state)
    assert (renderer.render(identity(), OPEN, state=state) != first).any()
    state.identity = None
    np.testing.assert_array_equal(renderer.render(identity(), OPEN, state=state), first)


def test_the_first_picture_stands_for_all_before_it() -> None:
    """As in training: with one picture and one of nothing the network is at a loss."""
    painter = MouthPainter(denoiser())
    size, past = painter.config.crop_px, painter.config.num_motion_frames
    warps, locators = torch.rand(3, 3, size, size) * 2 - 1, torch.ones(3, 1, size, size)
    with torch.inference_mode():
        memory = painter.begin(painter.mouth_of(identity()))
        shown = []
        for warp, locator in zip(warps[:, None], locators[:, None], strict=True):
            shown.append(warp + painter.changes(warp, locator, memory))
            if len(shown) == 1:
                assert torch.equal(memory.motion_frames, shown[0].repeat(1, past, 1, 1))
    assert torch.equal(memory.motion_frames, torch.cat(shown[-past:], dim=1))


def test_what_a_mouth_is_can_be_read_and_told() -> None:
    painter = MouthPainter(denoiser())
    size = painter.config.crop_px
    warps, truths = torch.zeros(2, 3, size, size), torch.rand(2, 3, size, size)
    locators = torch.ones(2, 1, size, size)
    with torch.inference_mode():
        mouth = painter.mouth_of(identity())
        codes = painter.read(truths, warps, locators, painter.begin(mouth))
        told = painter.changes(warps, locators, painter.begin(mouth), codes)
        expected = painter.changes(warps, locators, painter.begin(mouth))
    assert codes.shape == (2, painter.config.code_size)
    assert not torch.allclose(told, expected)


def test_weights_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "frame_denoiser.safetensors"
    network = denoiser().bfloat16().float()
    save_frame_denoiser(network, path)
    again = load_frame_denoiser(path)
    assert again.config == network.config
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], weight)


def test_a_mouth_not_wanted_fades_to_its_warp_and_back() -> None:
    renderer = Renderer(MouthPainter(denoiser()))
    state = PaintState()
    warp = Renderer().render(identity(), OPEN)[0]

    def away(wanted: bool) -> float:
        """How far the next frame is from the warp."""
        frame = renderer.render(identity(), OPEN, state=state, painted=wanted)[0]
        return float(np.abs(frame.astype(int) - warp).mean())

    full = away(True)
    fading = [away(False) for _ in range(10)]
    assert full > fading[0] > fading[3] > fading[6] > 0
    assert fading[-1] == 0
    assert state.memory is None
    rising = [away(True) for _ in range(8)]
    assert 0 < rising[0] < 0.5 * rising[-1]
