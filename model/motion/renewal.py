"""When what comes now and then comes next: the intervals of a renewal process."""

import numpy as np


def draw_interval_s(
    rng: np.random.Generator, mean_s: float, least_s: float, spread: float
) -> float:
    """Draw seconds until the next event: `least_s`, and a log-normal time with that `spread`.

    spread: standard deviation of the logarithm. The intervals' mean is `mean_s`.
    """
    median_s = (mean_s - least_s) / float(np.exp(spread**2 / 2))
    return least_s + median_s * float(np.exp(spread * rng.standard_normal()))
