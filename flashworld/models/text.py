"""Sentences to embeddings: a UMT5 encoder."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase, UMT5Config, UMT5EncoderModel

from flashworld.models.config import TextConfig

PREFIX = "[Static] "
"""Begins every prompt. The published model was trained with it: its scenes do not move."""

NUM_TOKENS = 512


class Umt5TextEncoder:
    """A tokenizer and an encoder. Implements `protocols.TextEncoder`. Prompts are taken as they are."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, umt5: UMT5EncoderModel):
        self.tokenizer = tokenizer
        self.umt5 = umt5

    @torch.no_grad()
    def __call__(self, prompts: list[str]) -> Float[Tensor, "b 512 d"]:
        """Embeddings of the prompts, float32 on the encoder's device, zero after each prompt's end.

        A prompt is cut after 512 tokens.
        """
        tokens = self.tokenizer(
            [PREFIX + prompt for prompt in prompts],
            padding="max_length",
            max_length=NUM_TOKENS,
            truncation=True,
            return_tensors="pt",
        )
        return self.embed(tokens["input_ids"], tokens["attention_mask"])

    def embed(self, tokens: Int[Tensor, "b l"], mask: Int[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """Embeddings of tokens; `mask` is 1 for a prompt's own tokens and 0 for the filling after them."""
        device = self.umt5.shared.weight.device
        # Filling never reaches a prompt's own tokens, so it is not computed: most prompts are far from 512 tokens.
        longest = int(mask.sum(dim=1).max())
        own = mask[:, :longest].to(device)
        states = self.umt5(tokens[:, :longest].to(device), own).last_hidden_state.float()
        return nn.functional.pad(states * own[..., None], (0, 0, 0, mask.shape[1] - longest))


def build_umt5(config: TextConfig) -> UMT5EncoderModel:
    """The encoder; the embedding it shares with itself is one tensor, `shared.weight`."""
    umt5 = UMT5EncoderModel(
        UMT5Config(
            vocab_size=config.vocab_size,
            d_model=config.d_model,
            d_kv=config.d_kv,
            d_ff=config.d_ff,
            num_layers=config.num_layers,
            num_heads=config.num_heads,
            relative_attention_num_buckets=config.relative_attention_num_buckets,
            relative_attention_max_distance=config.relative_attention_max_distance,
        )
    )
    umt5.set_input_embeddings(umt5.shared)
    return umt5.eval()


def byte_tokenizer() -> PreTrainedTokenizerBase:
    """A token per UTF-8 byte: needs no vocabulary file."""
    return ByT5Tokenizer()
