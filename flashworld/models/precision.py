"""Which weights stay in float32 when a model computes in a shorter format."""

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import nn

from flashworld.models.fp8 import FP8
from flashworld.models.reconstruction import ReconstructionDecoder


def weight_dtype(module: nn.Module, name: str, dtype: torch.dtype) -> torch.dtype:
    """The dtype in which to hold the parameter or buffer `name` of a network that computes in `dtype`.

    The transformer's norms, modulation and time embedding stay in float32, as diffusers has it, and so does the
    Gaussian head, whose output is geometry. Quantised weights stay as they are, and their scales are float32.
    """
    owner, _, leaf = name.rpartition(".")
    if getattr(module.get_submodule(owner), leaf).dtype == FP8:
        return FP8
    kept = ["inverse_scale"]
    if isinstance(module, WanTransformer3DModel):
        kept += module._keep_in_fp32_modules or []
    elif isinstance(module, ReconstructionDecoder):
        kept += ["gs_head"]
    return torch.float32 if any(part in kept for part in name.split(".")) else dtype
