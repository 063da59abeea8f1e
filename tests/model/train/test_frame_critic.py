import torch

from model.train.frame_critic import FrameCritic, critic_loss, painter_losses

SIZE = 32


def pictures() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A rough picture, a smooth one, and what both were made from."""
    torch.manual_seed(0)
    rough = torch.rand(4, 3, SIZE, SIZE) * 2 - 1
    return rough, torch.zeros_like(rough), torch.zeros_like(rough)


def test_it_learns_to_tell() -> None:
    real, painted, given = pictures()
    critic = FrameCritic()
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        loss = critic_loss(critic(real, given, given), critic(painted, given, given))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_a_painter_who_paints_the_truth_is_as_good_as_it() -> None:
    real, painted, given = pictures()
    critic = FrameCritic().eval()
    truth = critic(real, given, given)
    assert painter_losses(truth, truth)[1] == 0
    assert painter_losses(truth, critic(painted, given, given))[1] > 0
