"""A deeper network that begins as the function that a shallower one is, so that training goes on instead of anew.

The idea is Net2Net's (Chen et al., arXiv 1511.05641): a network grows without a change of what it computes. Here a new
layer is a copy of the one before it, but what it adds to the residual stream is zero.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from flashworld.models.config import ModelConfig

LAYER = re.compile(r"(transformer\.blocks|text_encoder\.encoder\.block)\.(\d+)\.(.+)")
"""Stack, number of the layer, and a parameter's name in it."""

LAST = {
    "transformer.blocks": ("attn1.to_out.0.", "attn2.to_out.0.", "ffn.net.2."),
    "text_encoder.encoder.block": ("layer.0.SelfAttention.o.", "layer.1.DenseReluDense.wo."),
}
"""Of the layers of each stack, the matrices (and biases) from which the residual stream gets what it adds."""


def can_become(config: ModelConfig, deeper: ModelConfig) -> bool:
    """Whether two models differ in nothing but numbers of layers, and `deeper` has at least as many."""
    old, new = config.transformer.num_layers, deeper.transformer.num_layers
    old_text, new_text = config.text.num_layers, deeper.text.num_layers
    grown = replace(
        config,
        transformer=replace(config.transformer, num_layers=new),
        text=replace(config.text, num_layers=new_text),
    )
    return grown == deeper and old <= new and old_text <= new_text


def deepened(tensors: Mapping[str, Tensor], config: ModelConfig, deeper: ModelConfig) -> dict[str, Tensor]:
    """The tensors of a `deeper` model that computes the same as the one of `config`, whose `tensors` are given.

    After each layer come its copies, as evenly as the numbers allow. The last matrices of a copy are zero. They learn
    all the same: the gradient of a zero matrix is the product of what comes in and what is asked of its output, neither
    of which is zero, and after the first step the copy's other parameters have gradients, too.

    Args:
        tensors: Parameters, by the network's name and their own.
        config: Sizes of the given model.
        deeper: Sizes that these `can_become`.
    """
    copies = {
        "transformer.blocks": _copies(config.transformer.num_layers, deeper.transformer.num_layers),
        "text_encoder.encoder.block": _copies(config.text.num_layers, deeper.text.num_layers),
    }
    grown = {}
    for name, value in tensors.items():
        if (layer := LAYER.fullmatch(name)) is None:
            grown[name] = value
            continue
        stack, number, rest = layer.groups()
        own, *added = copies[stack][int(number)]
        grown[f"{stack}.{own}.{rest}"] = value
        for copy in added:
            silent = rest.startswith(LAST[stack])
            grown[f"{stack}.{copy}.{rest}"] = torch.zeros_like(value) if silent else value.clone()
    return grown


def _copies(old: int, new: int) -> list[list[int]]:
    """Of each of `old` layers its numbers among `new` ones: its own, then those of its copies."""
    return [[layer for layer in range(new) if layer * old // new == origin] for origin in range(old)]
