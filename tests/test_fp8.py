"""FP8 quantisation, bit by bit, and the layer built on it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from flashworld.models.config import FLASHWORLD
from flashworld.models.fp8 import Fp8, Fp8Linear, quantise, quantise_blocks
from flashworld.models.model import build_networks

DATA = load_file(Path(__file__).parent / "reference" / "fp8.safetensors")


@pytest.mark.parametrize("case", ["q0", "q1", "q2", "q3", "q4"])
def test_bits_equal_the_recorded_ones(case):
    values, inverse_scale = quantise(DATA[f"{case}.in"])
    assert torch.equal(values.view(torch.uint8), DATA[f"{case}.fp8_bits"])
    assert torch.equal(values.float(), DATA[f"{case}.fp8_as_float"])
    assert inverse_scale.dtype == torch.float32
    assert torch.equal(inverse_scale, DATA[f"{case}.inv_scale"])


RELEASE = Fp8(per="tensor", product="hardware")
"""What the published model does."""
KINDS = [Fp8(per, product) for per in ("tensor", "row") for product in ("hardware", "weights")]


def recorded_layer() -> nn.Linear:
    layer = nn.Linear(40, 24)
    layer.load_state_dict({"weight": DATA["linear.weight"], "bias": DATA["linear.bias"]})
    return layer


def random_layer(in_features: int = 48, out_features: int = 32, bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(in_features, out_features, bias=bias)


def decoded(layer: Fp8Linear) -> torch.Tensor:
    return layer.weight.double() * layer.inverse_scale.double()


def exact(layer: Fp8Linear, x: torch.Tensor) -> torch.Tensor:
    """The slow twin: the product of what the operands stand for, in float64, input quantised where the layer does."""
    values = x.to(layer.dtype)
    if layer.how.product == "hardware":
        bits, inverse_scale = quantise(values.flatten(0, -2), layer.how.per)
        values = (bits.double() * inverse_scale.double()).view(x.shape)
    bias = 0 if layer.bias is None else layer.bias.double()
    return values.double() @ decoded(layer).T + bias


def test_layer_is_within_a_hundredth_of_the_recorded_products():
    layer = Fp8Linear.from_linear(recorded_layer(), RELEASE)
    assert torch.equal(layer.weight.view(torch.uint8), DATA["linear.weight_fp8_bits"])
    assert torch.equal(layer.inverse_scale, DATA["linear.weight_inv_scale"])
    out = layer(DATA["linear.x"]).float()
    for expected in (DATA["linear.out_emulated_bf16"], DATA["linear.out_exact_fp8"]):
        assert (out - expected).abs().max() <= 0.01 * expected.abs().max()


@pytest.mark.parametrize("how", KINDS, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("sides", [(48, 32), (37, 29), (1, 1), (16, 3)])
def test_every_kind_equals_the_product_of_its_decoded_operands(how, bias, dtype, sides):
    """With and without bias, in float32 (where the hardware takes no bias), with odd sides."""
    layer = Fp8Linear.from_linear(random_layer(*sides, bias=bias), how, dtype)
    x = 3 * torch.randn(5, sides[0])
    expected = exact(layer, x)
    out = layer(x)
    assert (out.dtype, out.shape) == (dtype, expected.shape)
    # A product by row comes in bfloat16 whatever is asked for; weight-only decodes the scale in the layer's dtype.
    coarse = dtype == torch.bfloat16 or how == Fp8("row", "hardware")
    error = (out.double() - expected).norm() / expected.norm()
    assert error < (8e-3 if coarse else 1e-6)


@pytest.mark.parametrize("how", KINDS, ids=str)
def test_the_shape_of_the_input_does_not_matter(how):
    layer = Fp8Linear.from_linear(random_layer(), how)
    x = torch.randn(2, 3, 48)
    flat = layer(x.flatten(0, 1))
    assert layer(x[0, 0]).shape == (32,)
    if how.per == "row" or how.product == "weights":  # with one scale for all, another batch has another scale
        torch.testing.assert_close(layer(x[0, 0]), flat[0])
        torch.testing.assert_close(layer(x[:1]), flat[:3].view(1, 3, 32))
    assert torch.equal(layer(x), flat.view(2, 3, 32))
    across = torch.randn(48, 6).t()
    assert not across.is_contiguous()
    assert torch.equal(layer(across), layer(across.contiguous()))
    strided = torch.randn(6, 96)[:, ::2]
    assert torch.equal(layer(strided), layer(strided.contiguous()))
    assert layer(torch.empty(0, 48)).shape == (0, 32)
    assert layer(torch.empty(2, 0, 48)).shape == (2, 0, 32)


def test_scales_by_row_lose_less_where_rows_differ():
    """The reason for the default: one loud token or channel does not drown the others."""
    linear = random_layer(64, 64, bias=False)
    with torch.no_grad():
        linear.weight *= torch.logspace(-4, 4, 64)[:, None]
    x = torch.randn(32, 64) * torch.logspace(-4, 4, 32)[:, None]
    plain = linear(x)
    errors = {}
    for per in ("tensor", "row"):
        out = Fp8Linear.from_linear(linear, Fp8(per, "hardware"))(x).float()
        errors[per] = ((out - plain).norm(dim=1) / plain.norm(dim=1)).mean()
    assert errors["row"] < 0.05 < errors["tensor"]


def test_a_value_without_magnitude_stays_zero():
    layer = Fp8Linear.from_linear(random_layer(bias=False), Fp8("row", "hardware"))
    assert torch.equal(layer(torch.zeros(4, 48)).float(), torch.zeros(4, 32))


@pytest.mark.parametrize("how", KINDS, ids=str)
def test_the_three_hundred_layers_of_the_blocks_are_quantised_and_nothing_else(how):
    transformer = build_networks(FLASHWORLD).transformer
    outside = sum(isinstance(m, nn.Linear) for name, m in transformer.named_modules() if "blocks." not in name)
    quantise_blocks(transformer, how)
    assert sum(isinstance(m, Fp8Linear) for m in transformer.modules()) == 300
    assert sum(isinstance(m, nn.Linear) for m in transformer.modules()) == outside
