import torch

from model.identity.layer import Box, Layer


def test_a_layer_keeps_its_place_in_the_still() -> None:
    size = 20
    axis = torch.arange(2 * size - 1) / 2
    ramps = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]
    layer = Layer.cut(ramps, Box.around(torch.tensor([4.2, 6.9]), torch.tensor([11.1, 15.0]), size))
    assert (layer.box.left, layer.box.top, layer.box.width, layer.box.height) == (4, 6, 9, 10)
    places = torch.tensor([[5.0, 7.25, 12.0], [6.5, 10.0, 15.0]])[None, :, None]
    torch.testing.assert_close(layer.sample(places), places)


def test_the_rim_goes_on_outside() -> None:
    layer = Layer(Box(2, 3, 4, 4), torch.full((1, 1, 7, 7), 5.0))
    assert float(layer.sample(torch.tensor([90.0, -7.0])[None, :, None, None])) == 5


def test_a_box_stays_inside_the_picture() -> None:
    box = Box.around(torch.tensor([-30.0, 5.0]), torch.tensor([900.0, 8.0]), 64)
    assert (box.left, box.width) == (0, 64)
    assert box.samples().shape == (2 * box.height - 1, 127, 2)
