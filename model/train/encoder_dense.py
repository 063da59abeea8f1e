"""Phone probabilities for every 20 ms of every recording, also of those nobody has labelled.

The teacher's CTC posteriors say which phones come, hardly when. Its hidden layers do know when: a
small network that sees them before and after learns the phones of the labelled recordings and says
those of all others.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from model.train.encoder_phones import PHONES, UNKNOWN

CONTEXT_ROWS = 4
"""Rows of 20 ms before and after that the network sees."""

_WIDTH = 256
_BATCH_ROWS = 1024
_LEARNING_RATE = 2e-3


def _windows(hidden: NDArray[np.float16], rows: NDArray[np.int64]) -> Tensor:
    """(rows, (2 * CONTEXT_ROWS + 1) * D) around each row; recordings run into each other."""
    around = rows[:, None] + np.arange(-CONTEXT_ROWS, CONTEXT_ROWS + 1)
    return torch.from_numpy(hidden[around.clip(0, len(hidden) - 1)].astype(np.float32)).flatten(1)


def phone_probs(
    hidden: NDArray[np.float16],
    phones: NDArray[np.uint8],
    train: NDArray[np.bool_],
    seed: int,
    steps: int = 1500,
) -> NDArray[np.float16]:
    """(rows, len(PHONES)) probabilities, learned from the labelled rows of `train`.

    Args:
        hidden: (rows, D) components of the teacher's hidden layers, recordings end to end.
        phones: (rows,) index into PHONES, or UNKNOWN.
        train: (rows,) whether a row may be learned from; the accuracy on the others is printed.
        seed: of the network's start and its batches.
        steps: of its training.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = nn.Sequential(
        nn.Linear((2 * CONTEXT_ROWS + 1) * hidden.shape[1], _WIDTH),
        nn.GELU(),
        nn.Dropout(0.2),
        nn.Linear(_WIDTH, _WIDTH),
        nn.GELU(),
        nn.Linear(_WIDTH, len(PHONES)),
    )
    optimizer = torch.optim.AdamW(network.parameters(), _LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    known = np.flatnonzero(train & (phones != UNKNOWN))
    for _ in range(steps):
        rows = rng.choice(known, _BATCH_ROWS)
        truth = torch.from_numpy(phones[rows].astype(np.int64))
        loss = F.cross_entropy(network(_windows(hidden, rows)), truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.inference_mode():
        pieces = [
            network(_windows(hidden, rows)).softmax(-1).numpy().astype(np.float16)
            for rows in np.array_split(np.arange(len(hidden)), len(hidden) // 4096 + 1)
        ]
    probs = np.concatenate(pieces)
    unheard = ~train & (phones != UNKNOWN) & (phones != 0)
    accuracy = (probs.argmax(1) == phones)[unheard].mean()
    print(f"phones from the teacher's layers: {accuracy:.3f} right where it has not learned them")
    return probs
