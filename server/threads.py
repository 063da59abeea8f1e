"""How many cores the model may take.

Torch's workers wait for each other by spinning. Where they find fewer free cores than there are
workers, each wait lasts until the scheduler lets the last one run: a hop then takes ten times as
long, not half. So the model leaves cores to what runs beside it: coding, network, a browser.
"""

import math
import os
from pathlib import Path

import cv2
import torch

from server.config import ComputeConfig

_CGROUP_OF_THIS_PROCESS = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(membership: Path = _CGROUP_OF_THIS_PROCESS, cgroups: Path = _CGROUPS) -> int:
    """Cores that this process may use: at least 1, at most those of the machine.

    A container has fewer than its machine: by CPU affinity, or by the quota of its cgroup or one
    above it (``cpu.max`` of cgroup v2: microseconds of computing, and in what period).
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, math.floor(min(affinity or 1, _quota_cores(membership, cgroups))))


def _quota_cores(membership: Path, cgroups: Path) -> float:
    """Return the smallest quota on the way up, infinity where there is none."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # not Linux
        return math.inf
    quota = math.inf
    for line in lines:
        if line.startswith("0::/"):
            own = cgroups / line.removeprefix("0::/")
            for group in (own, *own.parents):
                quota = min(quota, _own_quota(group / "cpu.max"))
                if group == cgroups:
                    break
    return quota


def _own_quota(cpu_max: Path) -> float:
    try:
        quota_us, period_us = cpu_max.read_text().split()
    except OSError:  # the root has none; seen from inside a container, the groups above neither
        return math.inf
    return math.inf if quota_us == "max" else int(quota_us) / int(period_us)


def limit_threads(config: ComputeConfig) -> int:
    """Set, for the whole process, the threads that ``config`` says; returns their number."""
    threads = config.torch_threads or max(1, usable_cores() // 2)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    return threads
