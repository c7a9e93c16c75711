"""Filling attended to once counts as much as all of it."""

import pytest
import torch

from flashworld.models.text import NUM_TOKENS
from flashworld.training.filling import ROUND, without_filling
from flashworld.training.pupil import Pupil
from flashworld.training.recipes import tiny_smoke


@pytest.mark.parametrize("longest", [ROUND - 1, ROUND, NUM_TOKENS - 1, NUM_TOKENS])
def test_a_short_text_is_what_the_filled_one_is(longest: int):
    config = tiny_smoke().model
    transformer = Pupil(config, 0).transformer
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(1, config.in_channels, 2, 3, 4, generator=generator)
    filled = torch.randn(1, NUM_TOKENS, config.text.d_model, generator=generator)
    filled[:, longest:] = 0
    short = without_filling(filled, longest)
    assert longest < short.shape[1] < longest + ROUND + 1 or short.shape[1] == NUM_TOKENS
    whole, found = (transformer(inputs, torch.tensor([500.0]), text, return_dict=False)[0] for text in (filled, short))
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)
    blind = transformer(inputs, torch.tensor([500.0]), torch.zeros_like(filled), return_dict=False)[0]
    assert (blind - whole).abs().max() > 1e-2
