"""A prompt's filling attended to once, which saves a small transformer half of its work on single views.

Prompts are filled with zeros to `NUM_TOKENS` tokens, which are attended to like any others, and all alike. One of them
whose logit is raised by the logarithm of their number takes exactly the part of them all.
"""

import math
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from flashworld.models.text import NUM_TOKENS

ROUND = 128
"""Lengths are multiples of this many tokens, so that networks are compiled for a few of them only."""
LONGEST = 2 * ROUND - 1
"""Captions are cut after so many tokens in training, so that there are two lengths. Hardly any is longer."""


def without_filling(text: Float[Tensor, "b l d"], longest: int) -> Float[Tensor, "b m d"]:
    """Embeddings up to the end of the longest prompt and at least one token of filling."""
    return text[:, : longest // ROUND * ROUND + ROUND]


def attend_once_to_filling(transformer: nn.Module) -> None:
    """Let a Wan transformer take embeddings of fewer tokens as if their last stood for all that lack."""

    def weigh(_attention: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden, text, _mask, rotary = args
        mask = text.new_zeros(1, 1, 1, text.shape[1])
        mask[..., -1] = math.log(NUM_TOKENS - text.shape[1] + 1)
        return hidden, text, mask, rotary

    for block in transformer.get_submodule("blocks").children():
        block.get_submodule("attn2").register_forward_pre_hook(weigh)
