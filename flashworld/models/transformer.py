"""The denoiser: a Wan diffusion transformer that sees all views at once and also returns features."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed, WanTransformer3DModel
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.events import Progress, Report, ignore
from flashworld.models.config import ModelConfig


class TransformerDenoiser:
    """A Wan transformer with ray maps, conditions and feedback among its input channels. Implements `Denoiser`."""

    def __init__(self, transformer: WanTransformer3DModel, latent_channels: int):
        self.transformer = transformer
        self.latent_channels = latent_channels

    def __call__(
        self,
        inputs: Float[Tensor, "b c t h w"],
        timestep: Float[Tensor, " b"],
        text: Float[Tensor, "b l d"],
        report: Report = ignore,
    ) -> tuple[Float[Tensor, "b z t h w"], Float[Tensor, "b f t h w"]]:
        """Velocity and features, float32, computed on the device of `inputs` in the dtype of the weights.

        Reports after every block; a report that raises stops the prediction there.
        """
        dtype = self.transformer.patch_embedding.weight.dtype
        with _reported(self.transformer.blocks, report):
            (out,) = self.transformer(inputs.to(dtype), timestep, text.to(dtype), return_dict=False)
        out = out.float()
        return out[:, : self.latent_channels], out[:, self.latent_channels :]


@contextmanager
def _reported(blocks: nn.ModuleList, report: Report) -> Iterator[None]:
    """Report progress after each block while the context lasts."""

    def after(index: int):
        return lambda *_: report(Progress("denoise", index + 1, len(blocks)))

    report(Progress("denoise", 0, len(blocks)))
    hooks = [block.register_forward_hook(after(index)) for index, block in enumerate(blocks)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def build_transformer(config: ModelConfig) -> WanTransformer3DModel:
    """The widened transformer; its state dict is the `transformer` entry of the published checkpoint."""
    sizes = config.transformer
    transformer = WanTransformer3DModel(
        patch_size=sizes.patch_size,
        num_attention_heads=sizes.num_attention_heads,
        attention_head_dim=sizes.attention_head_dim,
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        text_dim=sizes.text_dim,
        freq_dim=sizes.freq_dim,
        ffn_dim=sizes.ffn_dim,
        num_layers=sizes.num_layers,
        eps=sizes.eps,
        rope_max_seq_len=sizes.rope_max_seq_len,
    )
    # The rotary tables are in no file: they must exist even where the weights are built without memory.
    with torch.device("cpu"):
        transformer.rope = WanRotaryPosEmbed(sizes.attention_head_dim, sizes.patch_size, sizes.rope_max_seq_len)
    return transformer
