"""Whether kernels of our own may do a piece of work. Where they may not, the released classes' own code does it."""

import functools
import logging
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

from flashworld.rendering import triton_rasteriser

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def kernels_suit(x: Tensor) -> bool:
    """Whether they may work on a tensor: on CUDA, where Triton can be started, and not while a compiler looks on.

    A compiler fuses for itself, and our kernels would keep it from that.
    """
    return not torch.compiler.is_compiling() and x.is_cuda and _triton_starts()


@functools.cache
def _triton_starts() -> bool:
    if missing := triton_rasteriser.missing():
        log.warning("Networks work without kernels of our own, and slower: %s", missing)
    return missing is None


def on_its_device(launch: Callable[Concatenate[Tensor, P], R]) -> Callable[Concatenate[Tensor, P], R]:
    """A launch of kernels on the GPU where its first argument lies; Triton would take the current one."""

    @functools.wraps(launch)
    def guarded(values: Tensor, *args: P.args, **kwargs: P.kwargs) -> R:
        with torch.cuda.device_of(values):
            return launch(values, *args, **kwargs)

    return guarded
