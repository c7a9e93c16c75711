"""Networks compiled by region, block by block, since blocks are alike; functions of training compiled as one piece.

Compiling takes half a minute the first time on a machine, and again for another number of views. It pays in training,
and for scenes where the kernels of `flashworld.models.fused` cannot run, which it leaves out and which are faster. It
is not for ZeroGPU, where processes live for one call.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import torch
from torch import nn

from flashworld.models.model import Networks

P = ParamSpec("P")
R = TypeVar("R")


def compile_whole(function: Callable[P, R]) -> Callable[P, R]:
    """A function of tensors compiled as one piece, once for each of the shapes that it meets."""
    return _compiled(function)


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function, dynamic=False, fullgraph=True)


def compile_regions(networks: Networks) -> None:
    """Compile the calls of all blocks, in place; what reports of them or streams them stays outside."""
    for region in _regions(networks):
        region.forward = torch.compile(region.forward, dynamic=False)


def _regions(networks: Networks) -> Iterator[nn.Module]:
    yield from networks.transformer.blocks
    decoder, encoder = networks.recon_decoder.decoder, networks.vae.encoder
    yield from (decoder.mid_block, *decoder.up_blocks, *encoder.down_blocks, encoder.mid_block)
