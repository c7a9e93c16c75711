"""Section 5 of the reference: noise levels and re-noising."""

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from flashworld.denoising.schedule import Schedule, add_noise
from flashworld.testing.parity.comparison import Comparison, largest_mixed

FILE = "scheduler.safetensors"
TOLERANCE = 1e-6


def compare_schedule(recorded: dict[str, Tensor], shift: float, num_train_timesteps: int) -> Iterator[Comparison]:
    """The whole schedule, the chosen steps, and noise added at each of them."""
    whole = Schedule.flow(tuple(range(num_train_timesteps)), shift, num_train_timesteps)
    chosen = Schedule.flow(tuple(recorded["denoising_steps"].tolist()), shift, num_train_timesteps)
    ours = {
        "timesteps": torch.tensor(whole.timesteps),
        "sigmas": torch.tensor(whole.sigmas),
        "step_timesteps": torch.tensor(chosen.timesteps),
        "step_sigmas": torch.tensor(chosen.sigmas),
    }
    for name in recorded:
        if match := re.fullmatch(r"scale_noise\.out(\d+)", name):
            sigma = chosen.sigmas[int(match[1])]
            ours[name] = add_noise(recorded["scale_noise.sample"], recorded["scale_noise.noise"], sigma)
    for name, values in ours.items():
        yield Comparison(FILE, name, largest_mixed(values, recorded[name]), TOLERANCE)
