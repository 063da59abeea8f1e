"""A student that says in one evaluation what its teacher says in several, guidance included.

Guidance distillation (Meng et al. 2023, arXiv:2210.03142) and, from pure noise, the end of the
teacher's trajectory in one step (Luhman and Luhman 2021, arXiv:2101.02388). It meets its own past,
not the teacher's: its rollouts are its own.
"""

import torch
from torch import Tensor

from model.motion.denoiser import MotionDenoiser
from model.motion.sampler import euler_flow_sampler
from model.motion.space import MotionSpace
from model.train.motion_trainer import GUIDANCE_SCALE, Conditions, MotionTrainer, TrainConfig

TEACHER_STEPS = 2


class MotionStudentTrainer(MotionTrainer):
    """Learns from its teacher's guided motion instead of people's; starts as its copy."""

    _guidance_scale = 1.0

    def __init__(self, teacher: MotionDenoiser, train: TrainConfig, space: MotionSpace) -> None:
        super().__init__(teacher.config, train, space)
        self._teacher = teacher.eval().requires_grad_(False)
        self.denoiser.load_state_dict(teacher.state_dict())

    @torch.no_grad()
    def _lesson(self, clean: Tensor, given: Conditions) -> tuple[Tensor, Tensor, Tensor]:
        """Half of the batch starts from noise, half on the way from it to people's motion."""
        taught = given.bind(self._teacher, GUIDANCE_SCALE)
        half = len(clean) // 2
        noise = torch.randn_like(clean)
        sigma = torch.sigmoid(torch.randn(len(clean)) * 1.2)
        sigma[:half] = 1.0
        level = sigma[:, None, None]
        noisy = (1 - level) * clean + level * noise
        end_of_trajectory = euler_flow_sampler(taught, noise, TEACHER_STEPS)
        target = torch.cat([end_of_trajectory[:half], taught(noisy, sigma)[half:]])
        return noisy, sigma, target
