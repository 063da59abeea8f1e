import torch

from model.identity.interpolation import kriging


def test_values_are_kept_at_their_points() -> None:
    points = torch.rand(40, 2, generator=torch.Generator().manual_seed(0))
    values = torch.sin(points * 3)
    matrix = kriging(points, points, length=0.3, noise=1e-3)
    torch.testing.assert_close(matrix @ values, values, atol=1e-3, rtol=0)


def test_between_points_a_smooth_function_is_found() -> None:
    axis = torch.linspace(0, 1, 11)
    points = torch.cartesian_prod(axis, axis)
    queries = torch.rand(50, 2, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1
    found = kriging(points, queries, length=0.5, noise=1e-3) @ torch.sin(points.sum(dim=1) * 2)
    torch.testing.assert_close(found, torch.sin(queries.sum(dim=1) * 2), atol=0.01, rtol=0)


def test_far_away_nothing_is_left() -> None:
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(2))
    far = torch.tensor([[9.0, 9.0]])
    assert kriging(points, far, length=0.3, noise=0.01).abs().max() < 1e-6
