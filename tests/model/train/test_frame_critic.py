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
    everywhere = torch.ones(4, 1, SIZE, SIZE)
    critic = FrameCritic()
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        loss = critic_loss(critic(real, given, given), critic(painted, given, given), everywhere)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_a_painter_who_paints_the_truth_is_as_good_as_it() -> None:
    real, painted, given = pictures()
    critic = FrameCritic().eval()
    truth, judged = critic(real, given, given), critic(painted, given, given)
    everyone = torch.ones(len(real), dtype=torch.bool)
    assert painter_losses(truth, truth, torch.ones(4, 1, SIZE, SIZE), everyone)[1] == 0
    assert painter_losses(truth, judged, torch.ones(4, 1, SIZE, SIZE), everyone)[1] > 0


def test_nobody_judges_what_may_not_be_painted() -> None:
    real, painted, given = pictures()
    critic = FrameCritic().eval()
    truth, judged = critic(real, given, given), critic(painted, given, given)
    everyone = torch.ones(len(real), dtype=torch.bool)
    nowhere = torch.zeros(len(real), 1, *real.shape[-2:])
    assert critic_loss(truth, judged, nowhere) == 0
    assert sum(painter_losses(truth, judged, nowhere, everyone)) == 0
    right = nowhere.clone()
    right[..., real.shape[-1] // 2 :] = 1
    scores = judged[-1].clone()
    scores[..., : scores.shape[-1] // 2] += 5
    same = painter_losses(truth, [*judged[:-1], scores], right, everyone)
    assert same[0] == painter_losses(truth, judged, right, everyone)[0]
