"""A transformer block with few passes over memory: what stands between its products is done by fused kernels.

The released block goes over its tokens some fifty times between ten products; this one goes ten times. It
holds the same weights under the same names and computes the same, rounded less often.
"""

from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_wan import WanAttention, WanTransformerBlock
from jaxtyping import Float
from torch import Tensor, nn

from flashworld.models.fp8 import Fp8, Fp8Linear
from flashworld.models.kernels import kernels_suit


class FusedBlock(WanTransformerBlock):
    """The released block, whose own code works wherever the kernels do not suit."""

    def forward(
        self,
        hidden_states: Float[Tensor, "b t c"],
        encoder_hidden_states: Float[Tensor, "b l c"],
        temb: Float[Tensor, "b ..."],
        rotary_emb: Any,
    ) -> Float[Tensor, "b t c"]:
        """The tokens after self-attention, attention to the text and feed-forward; arguments as `fused` has them."""
        block = self.fused if self.suits(hidden_states, temb) else super().forward
        return block(hidden_states, encoder_hidden_states, temb, rotary_emb)

    def suits(self, states: Tensor, modulation: Tensor) -> bool:
        """Whether the kernels do: for eight bits by row, multiplied in hardware, and without gradients."""
        return (
            kernels_suit(states)
            and not torch.is_grad_enabled()
            and modulation.ndim == 3  # one timestep for a scene, not one for each token
            and all(isinstance(layer, Fp8Linear) and layer.how == Fp8("row", "hardware") for layer in _linears(self))
        )

    def fused(
        self,
        states: Float[Tensor, "b t c"],
        text: Float[Tensor, "b l c"],
        modulation: Float[Tensor, "b 6 c"],
        rotary: tuple[Float[Tensor, "1 t 1 d"], Float[Tensor, "1 t 1 d"]],
    ) -> Float[Tensor, "b t c"]:
        """What `forward` does, by kernels.

        `modulation` comes from the timestep: shift, scale and gate of the self-attention, then of the feed-forward.
        `rotary` are cosines and sines of each token's angles, every one twice.
        """
        from flashworld.models import block_kernels as kernels

        modulation = self.scale_shift_table + modulation.float()
        shift, scale, gate, last_shift, last_scale, last_gate = modulation.unbind(1)
        released: Any = self  # whose annotations know neither our linear layers nor the norm in the middle
        attention, cross, feed_forward, norm = released.attn1, released.attn2, released.ffn.net, released.norm2

        rows = kernels.norm(states, 1 + scale, shift, self.norm1.eps)
        query, key, value = (layer.multiply(*rows) for layer in (attention.to_q, attention.to_k, attention.to_v))
        heads = attention.heads
        query = kernels.rms_norm(query.view_as(states), attention.norm_q.weight, attention.norm_q.eps, heads, rotary)
        key = kernels.rms_norm(key.view_as(states), attention.norm_k.weight, attention.norm_k.eps, heads, rotary)
        update = _attend(attention, query, key, value.view_as(states))

        states, rows = kernels.add_norm(states, update, gate, norm.weight, norm.bias, norm.eps)
        query = cross.to_q.multiply(*rows).view_as(states)
        query = kernels.rms_norm(query, cross.norm_q.weight, cross.norm_q.eps, heads)
        update = _attend(cross, query, cross.norm_k(cross.to_k(text)), cross.to_v(text))

        states, rows = kernels.add_norm(states, update, None, 1 + last_scale, last_shift, self.norm3.eps)
        rows = kernels.gelu(feed_forward[0].proj.multiply(*rows))
        return kernels.add(states, feed_forward[2].multiply(*rows).view_as(states), last_gate)


def fuse_blocks(transformer: nn.Module) -> None:
    """Let every block of a Wan transformer use the kernels where they suit; weights and their names stay."""
    for block in transformer.get_submodule("blocks").children():
        block.__class__ = FusedBlock


def _linears(block: nn.Module) -> list[nn.Module]:
    return [module for module in block.modules() if isinstance(module, nn.Linear | Fp8Linear)]


def _attend(attention: WanAttention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention and its last product, by the backend and between the GPUs that diffusers was told of."""
    processor: Any = attention.processor
    query, key, value = (rows.unflatten(2, (attention.heads, -1)) for rows in (query, key, value))
    out = dispatch_attention_fn(
        query,
        key,
        value,
        backend=processor._attention_backend,
        parallel_config=None if attention.is_cross_attention else processor._parallel_config,
    )
    return attention.to_out[0](out.flatten(2, 3))
