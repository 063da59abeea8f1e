"""How many cores the model may take.

Torch's workers wait for each other by spinning. Where they find fewer free cores than there are
workers, each wait lasts until the scheduler lets the last one run: a hop then takes ten times as
long, not half. So the model leaves cores to what runs beside it: coding, network, a browser.
"""

import os

import torch

from server.config import ComputeConfig


def limit_torch(config: ComputeConfig) -> int:
    """Set, for the whole process, the threads that ``config`` says; returns their number."""
    threads = config.torch_threads or max(1, (os.cpu_count() or 1) // 2)
    torch.set_num_threads(threads)
    return threads
