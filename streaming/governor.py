"""The governor: what gives when the model is late.

Steps first, then the painted mouth, then detail, then frames, never the voice.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class GovernorConfig:
    """How quickly quality is given up and won back. Raises ValueError for senseless values."""

    late_hops: int = 4
    """Quality drops after this many hops more over budget than within it; one is a hiccup."""
    settle_hops: int = 3
    """Hops after a change before the next one is considered."""
    recover_hops: int = 25
    """Quality rises after this many hops well under budget: 2 s at 80 ms.

    A hop over budget takes two of them away: on a busy machine, hiccups never cease.
    """
    max_recover_hops: int = 200
    """A rise that fails doubles the wait for the next one, up to this: 16 s at 80 ms."""
    max_seen_recover_hops: int = 1500
    """The same for a rise that is seen, to the full size or all frames: 2 min at 80 ms."""
    recover_below: float = 0.7
    """Well under budget: at most this part of it."""

    def __post_init__(self) -> None:
        if self.late_hops < 1 or self.settle_hops < 0:
            raise ValueError(
                f"late_hops is {self.late_hops} and settle_hops {self.settle_hops}, "
                "expected 1 and 0 or more"
            )
        if not 1 <= self.recover_hops <= self.max_recover_hops <= self.max_seen_recover_hops:
            raise ValueError(
                f"recover_hops is {self.recover_hops}, expected 1 to max_recover_hops "
                f"({self.max_recover_hops}), and that to be at most max_seen_recover_hops "
                f"({self.max_seen_recover_hops})"
            )
        if not 0 < self.recover_below < 1:
            raise ValueError(f"recover_below is {self.recover_below:g}, expected between 0 and 1")


@dataclass(frozen=True)
class Quality:
    """What one hop may cost."""

    num_steps: int
    painted: bool
    """Paint the mouth anew; otherwise its warp is shown."""
    halved: bool
    """Draw at half the size, to be enlarged: softer, and less than half the work."""
    draw_every: int
    """Draw every n-th frame; the others are repeats of the one before."""


class Governor:
    """Chooses the quality of the next hop from the cost of the last ones."""

    def __init__(
        self, config: GovernorConfig, max_steps: int, budget_ms: float, *, paints: bool = True
    ) -> None:
        if max_steps < 1:
            raise ValueError(f"max_steps is {max_steps}, expected 1 or more")
        self.config = config
        self.changes = 0
        self._budget_s = budget_ms / 1000
        steps = [Quality(num_steps, paints, False, 1) for num_steps in range(max_steps, 0, -1)]
        warped = [Quality(1, False, False, 1)] if paints else []
        self._ladder = [*steps, *warped, Quality(1, False, True, 1), Quality(1, False, True, 2)]
        self._level = 0
        self._over_hops = 0
        self._calm_hops = 0
        self._recover_after_hops = config.recover_hops
        self._since_change_hops = config.settle_hops
        self._rose = False

    @property
    def quality(self) -> Quality:
        """The quality of the next hop."""
        return self._ladder[self._level]

    def observe(self, compute_s: float, *, too_late: bool = False) -> None:
        """Learn what one hop took, in seconds; `too_late`: frames of it had no time left at all."""
        over = too_late or compute_s > self._budget_s
        calm = not over and compute_s <= self.config.recover_below * self._budget_s
        self._over_hops = max(0, self._over_hops + (1 if over else -1))
        self._calm_hops = max(0, self._calm_hops + (-2 if over else int(calm)))
        self._since_change_hops += 1
        if self._since_change_hops <= self.config.settle_hops:
            return
        if self._over_hops >= self.config.late_hops and self._level < len(self._ladder) - 1:
            self._back_off()
            self._change(self._level + 1)
        elif self._calm_hops >= self._recover_after_hops and self._level > 0:
            self._change(self._level - 1)

    def _back_off(self) -> None:
        """Wait longer for the next rise if the last one did not hold."""
        failed = self._rose and self._since_change_hops < self._recover_after_hops
        now, then = self._ladder[self._level : self._level + 2]
        is_seen = (now.halved, now.draw_every) != (then.halved, then.draw_every)
        most = self.config.max_seen_recover_hops if is_seen else self.config.max_recover_hops
        self._recover_after_hops = (
            min(2 * self._recover_after_hops, most) if failed else self.config.recover_hops
        )

    def _change(self, level: int) -> None:
        self._rose = level < self._level
        self._level = level
        self.changes += 1
        self._over_hops = self._calm_hops = self._since_change_hops = 0
