"""Sentences to embeddings: a UMT5 encoder."""

from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase, UMT5Config, UMT5EncoderModel

from flashworld.models.config import TextConfig
from flashworld.protocols import TextEncoder
from flashworld.publish import make_folder, published

PREFIX = "[Static] "
"""Begins every prompt. The published model was trained with it: its scenes do not move."""

NUM_TOKENS = 512

MOST_REMEMBERED = 64
"""Prompts, of 8 MiB each in the published model."""


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
        """Embeddings of tokens; `mask` is 1 for a prompt's own tokens and 0 for the filling after them.

        They are where the encoder's last layer works.
        """
        device = self.umt5.shared.weight.device
        # Filling never reaches a prompt's own tokens, so it is not computed: most prompts are far from 512 tokens.
        longest = int(mask.sum(dim=1).max())
        own = mask[:, :longest].to(device, non_blocking=True)
        states = self.umt5(tokens[:, :longest].to(device, non_blocking=True), own).last_hidden_state.float()
        return nn.functional.pad(states * own[..., None].to(states.device), (0, 0, 0, mask.shape[1] - longest))


class RememberedPrompts:
    """A text encoder that works on a prompt once. Implements `protocols.TextEncoder`.

    `lasting` is a folder in which the empty prompt's embedding outlives the process, so that a scene made of a picture
    alone never needs the encoder; other prompts are the user's own and are kept in memory only.
    """

    def __init__(self, encode: TextEncoder, lasting: Path | None = None):
        self.encode = encode
        self.lasting = lasting
        self._known: dict[str, Tensor] = {}

    def __call__(self, prompts: list[str]) -> Float[Tensor, "b l d"]:
        """Embeddings of the prompts, in main memory."""
        embeddings = [self._embedding(prompt) for prompt in prompts]
        return torch.stack(embeddings)

    def _embedding(self, prompt: str) -> Float[Tensor, "l d"]:
        if prompt not in self._known:
            file = self.lasting / "empty-prompt.safetensors" if self.lasting and not prompt else None
            if file is not None and file.is_file():
                embedding = load_file(file)["embedding"]
            else:
                embedding = self.encode([prompt])[0].cpu()
                if file is not None:
                    make_folder(file.parent)
                    with published(file) as beside:
                        save_file({"embedding": embedding.contiguous()}, beside)
            if len(self._known) == MOST_REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[prompt] = embedding
        return self._known[prompt]


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


@cache
def byte_tokenizer() -> PreTrainedTokenizerBase:
    """A token per UTF-8 byte: needs no vocabulary file. Making one takes as long as reading a prompt."""
    return ByT5Tokenizer()
