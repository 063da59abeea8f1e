import pytest
import torch

from model.frames.mouth_code import DiagonalGaussian, MouthCode

S, SIZE = 48, 4


def gaussian(mean: float, deviation: float, count: int = 3) -> DiagonalGaussian:
    log_variance = 2 * torch.tensor(deviation).log()
    return DiagonalGaussian(torch.full((count, SIZE), mean), log_variance.expand(count, SIZE))


def test_a_code_lies_around_its_mean() -> None:
    torch.testing.assert_close(
        gaussian(1.0, 0.5).sample(torch.full((1, SIZE), 2.0)), torch.full((3, SIZE), 2.0)
    )


def test_divergence_is_that_of_normal_distributions() -> None:
    own, prior = gaussian(1.0, 0.5), gaussian(-0.5, 2.0)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(1.0, 0.5), torch.distributions.Normal(-0.5, 2.0)
    )
    torch.testing.assert_close(own.kl(prior), (SIZE * expected).expand(3))
    assert own.kl(own).abs().max() == pytest.approx(0.0)


def test_the_code_of_a_mouth_depends_on_it() -> None:
    torch.manual_seed(0)
    code = MouthCode(S, SIZE)
    warp, reference, mouth = (torch.rand(2, 3, S, S) for _ in range(3))
    locator = torch.ones(2, 1, S, S)
    prior = code.prior(warp, locator, reference)
    assert prior.mean.shape == prior.log_variance.shape == (2, SIZE)
    own = code.posterior(mouth, warp, locator, reference)
    other = code.posterior(mouth.flip(-1), warp, locator, reference)
    assert not torch.allclose(own.mean, other.mean)


def test_a_variance_that_ran_away_can_come_back() -> None:
    code = MouthCode(S, SIZE)
    with torch.no_grad():
        code.prior_net.out.bias[SIZE:] = 9.0
    prior = code.prior(torch.rand(1, 3, S, S), torch.ones(1, 1, S, S), torch.rand(1, 3, S, S))
    assert prior.log_variance.max() == 2.0
    prior.log_variance.sum().backward()  # type: ignore[no-untyped-call]
    assert code.prior_net.out.bias.grad is not None
    assert (code.prior_net.out.bias.grad[SIZE:] == 1).all()
