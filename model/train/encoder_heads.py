"""What the audio encoder's features must tell to a linear reader, and how wrong they are."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.train.encoder_batches import Batch
from model.train.encoder_phones import ARTICULATION, PHONES, UNKNOWN, articulation_table
from model.train.encoder_targets import HIDDEN_TARGET_DIM

LOSS_WEIGHTS = {
    "hidden": 0.5,
    "tokens": 0.2,
    "phones": 1.5,
    "articulation": 3.0,
    "acoustics": 1.0,
    "lips": 3.0,
}

# A closed mouth that is missed is seen at once, and it is short: a twentieth of all frames.
_RARE = {"lips_closed": 2.0, "lip_on_teeth": 2.0}


class Heads(nn.Module):
    """One linear layer per target, on a feature sub-vector (20 ms).

    Args:
        subvector_dim: numbers in a sub-vector.
        num_tokens: tokens of the teacher, blank included.
    """

    articulation_of: Tensor
    rarity: Tensor

    def __init__(self, subvector_dim: int, num_tokens: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(subvector_dim, HIDDEN_TARGET_DIM)
        self.tokens = nn.Linear(subvector_dim, num_tokens)
        self.phones = nn.Linear(subvector_dim, len(PHONES))
        self.articulation = nn.Linear(subvector_dim, len(ARTICULATION))
        self.acoustics = nn.Linear(subvector_dim, 3)
        table = torch.from_numpy(articulation_table())
        self.register_buffer("articulation_of", table, persistent=False)
        rarity = torch.tensor([_RARE.get(name, 1.0) for name in ARTICULATION])
        self.register_buffer("rarity", rarity, persistent=False)

    def losses(self, features: Tensor, batch: Batch, delay_rows: int) -> dict[str, Tensor]:
        """Losses of features (B, 2n, subvector_dim), row i of which is about row i - delay_rows.

        Rows that speak of the time before the crop take no part.
        """
        rows = features.shape[1] - delay_rows
        told = features[:, delay_rows:]
        taught = batch.taught[:, :rows]
        hidden = (self.hidden(told) - batch.hidden[:, :rows]).square().mean(-1)
        probs = batch.log_probs[:, :rows].exp()
        tokens = -(probs * self.tokens(told).log_softmax(-1)).sum(-1)
        phone_probs = batch.phone_probs[:, :rows]
        return {
            "hidden": _mean(hidden, taught),
            "tokens": _mean(tokens, taught),
            "phones": F.cross_entropy(self.phones(told).flatten(0, 1), phone_probs.flatten(0, 1)),
            "articulation": self._articulation_loss(told, phone_probs, batch.speech[:, :rows]),
            "acoustics": self._acoustics_loss(told, batch.acoustics[:, :rows]),
        }

    def _articulation_loss(self, told: Tensor, phone_probs: Tensor, speech: Tensor) -> Tensor:
        """Binary cross-entropy of what the phones' lips and tongues do, and of speech at all."""
        logits = self.articulation(told)
        articulation = F.binary_cross_entropy_with_logits(
            logits, phone_probs @ self.articulation_of, pos_weight=self.rarity
        )
        known = speech != UNKNOWN
        speaking = F.binary_cross_entropy_with_logits(
            logits[..., list(ARTICULATION).index("speech")][known], speech[known].float()
        )
        both: Tensor = articulation + 0.3 * speaking
        return both

    def _acoustics_loss(self, told: Tensor, truth: Tensor) -> Tensor:
        level, voicing, pitch = (self.acoustics(told) - truth).abs().unbind(-1)
        voiced = truth[..., 1] > 0.5
        total: Tensor = level.mean() + voicing.mean() + 0.3 * _mean(pitch, voiced)
        return total


def _mean(values: Tensor, where: Tensor) -> Tensor:
    mean: Tensor = (values * where).sum() / where.sum().clamp(min=1)
    return mean
