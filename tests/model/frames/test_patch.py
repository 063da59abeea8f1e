import numpy as np
import torch

from model.frames.patch import Patch


def pixels_of(patch: Patch) -> torch.Tensor:
    height, width = patch.shape
    grid = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
    return (patch.corner[:, :, None, None] + torch.stack(grid)).float()


def test_a_patch_covers_what_it_was_asked_to() -> None:
    centers = torch.tensor([[50.3, 40.0], [52.0, 41.9]])
    patch = Patch.around(centers, (12.0, 7.5), 100, 4.0)
    height, width = patch.shape
    half = torch.tensor([12.0, 7.5])
    end = patch.corner + torch.tensor([width - 1, height - 1])
    assert (patch.corner <= centers - half).all()
    assert (end >= centers + half).all()
    assert (end - patch.corner <= 2 * half + 2 * 4).all()


def test_grids_begin_at_the_same_places_whatever_they_cover() -> None:
    for center in torch.linspace(40, 60, 9):
        for half in (7.5, 12.0):
            patch = Patch.around(center.expand(1, 2), (half, half), 100, 4.0)
            assert (patch.corner % 4 == 0).all()


def test_a_patch_stays_inside_the_picture() -> None:
    patch = Patch.around(torch.tensor([[-20.0, 500.0]]), (10.0, 10.0), 100, 4.0)
    height, width = patch.shape
    left, top = patch.corner[0].tolist()
    assert left == 0
    assert top + height == 100
    assert Patch.around(torch.zeros(1, 2), (900.0, 900.0), 100, 4.0).shape <= (100, 100)
    assert width == 25


def test_coarse_places_become_pixels() -> None:
    patch = Patch.around(torch.tensor([[50.0, 40.0], [30.0, 20.0]]), (10.0, 8.0), 100, 4.0)
    torch.testing.assert_close(patch.densify(patch.nodes()), pixels_of(patch))


def test_cut_takes_each_frames_own_place() -> None:
    patch = Patch.around(torch.tensor([[50.0, 40.0], [30.0, 20.0]]), (10.0, 8.0), 100, 4.0)
    axis = torch.arange(100.0)
    places = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]
    torch.testing.assert_close(patch.cut(places.expand(2, -1, -1, -1)), pixels_of(patch))


def test_blending_fades_at_the_rim() -> None:
    patch = Patch.around(torch.tensor([[50.0, 50.0]]), (20.0, 20.0), 100, 4.0)
    pixels = np.full((1, 100, 100, 3), 100, np.uint8)
    patch.blend(pixels, torch.full((1, *patch.shape, 3), 300.0))
    assert (pixels[0, 50, 50] == 255).all()
    left, top = patch.corner[0].tolist()
    assert (pixels[0, top, left] == 100).all()
    assert (np.diff(pixels[0, 50, left : left + 7, 0].astype(int)) >= 0).all()
    outside = pixels.copy()
    outside[0, top : top + patch.shape[0], left : left + patch.shape[1]] = 100
    assert (outside == 100).all()
