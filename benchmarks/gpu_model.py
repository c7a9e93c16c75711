"""The published model with random weights, in full or small size, made on the device in a second."""

from dataclasses import dataclass, replace

import torch

from flashworld.cameras.templates import make_path
from flashworld.cameras.views import to_path
from flashworld.models.config import FLASHWORLD, TINY, ModelConfig
from flashworld.models.fp8 import Fp8, quantise_blocks
from flashworld.models.fused import suit_cuda
from flashworld.models.initial import initialise
from flashworld.models.model import Model, Networks, assemble, build_networks
from flashworld.models.precision import weight_dtype
from flashworld.models.text import byte_tokenizer
from flashworld.placement import Plan, Residence
from flashworld.planner import Size
from flashworld.request import SceneRequest

SMALL = replace(TINY, native=None, transformer=replace(TINY.transformer, num_layers=2))
PROMPT = "a stone bridge over a quiet river in autumn, morning light, fallen leaves"


@dataclass(frozen=True)
class Subject:
    """What is measured: a model's sizes and a scene's."""

    config: ModelConfig
    size: Size
    device: torch.device

    @property
    def dtype(self) -> torch.dtype:
        """What networks compute in."""
        return torch.bfloat16 if self.device.type == "cuda" else torch.float32

    def request(self, seed: int = 0) -> SceneRequest:
        """A sentence and a flight forward."""
        height, width, frames = self.size.height, self.size.width, self.size.frames
        path = to_path(make_path("orbit-left", 20, frames, 70, height, width), height, width)
        return SceneRequest(text_prompt=PROMPT, cameras=path.cameras, resolution=(frames, height, width), seed=seed)


FULL = Subject(FLASHWORLD, Size(24, 480, 704), torch.device("cuda", 0))
DRY = Subject(SMALL, Size(2, 64, 64), torch.device("cpu"))


def random_networks(subject: Subject, how: Fp8 | None, dtype: torch.dtype | None = None) -> Networks:
    """Networks with weights that keep signals alive; times and memory do not depend on the values."""
    networks = build_networks(subject.config)
    initialise(networks, 0, subject.device)
    if how is not None:
        quantise_blocks(networks.transformer, how, subject.dtype)
    for module in networks.named().values():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            value.data = value.data.to(subject.device, weight_dtype(module, name, dtype or subject.dtype))
    return networks


def random_model(subject: Subject, how: Fp8 | None, plan: Plan, suited: bool = True) -> Model:
    """A model that rests by a plan, and `suited` to CUDA as loading makes it or left as published."""
    networks = random_networks(subject, how)
    if suited and subject.device.type == "cuda":
        suit_cuda(networks)
    model = assemble(
        "random",
        subject.config,
        networks,
        byte_tokenizer(),
        Residence(networks.named(), subject.device, plan),
        trained=False,
        weights="random:0",
        dtype=subject.dtype,
    )
    model.residence.adopt(plan)
    return model
