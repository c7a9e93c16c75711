"""Noise levels of the denoising steps."""

from dataclasses import dataclass

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Schedule:
    """Flow matching: at noise level sigma a sample is `sigma * noise + (1 - sigma) * clean`.

    `timesteps` are what the denoiser is told, 1000 sigma.
    """

    timesteps: tuple[float, ...]
    sigmas: tuple[float, ...]

    def __len__(self) -> int:
        """Number of denoising steps."""
        return len(self.timesteps)

    @classmethod
    def flow(cls, steps: tuple[int, ...], shift: float, num_train_timesteps: int = 1000) -> "Schedule":
        """The levels that `steps` select from the shifted schedule, 0 being pure noise.

        With s from 1 down to 1/1000 the levels are `shift * s / (1 + (shift - 1) * s)`.
        """
        scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=num_train_timesteps, shift=shift)
        timesteps, sigmas = torch.as_tensor(scheduler.timesteps), torch.as_tensor(scheduler.sigmas)
        chosen = list(steps)
        return cls(tuple(timesteps[chosen].tolist()), tuple(sigmas[chosen].tolist()))


def add_noise(clean: Float[Tensor, "*shape"], noise: Float[Tensor, "*shape"], sigma: float) -> Float[Tensor, "*shape"]:
    """The sample at noise level `sigma`."""
    return sigma * noise + (1 - sigma) * clean
