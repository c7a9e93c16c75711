"""FP8 quantisation, bit by bit, and the layer built on it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from flashworld.models.config import FLASHWORLD
from flashworld.models.fp8 import Fp8Linear, quantise, quantise_blocks
from flashworld.models.model import build_networks

DATA = load_file(Path(__file__).parent / "reference" / "fp8.safetensors")


@pytest.mark.parametrize("case", ["q0", "q1", "q2", "q3", "q4"])
def test_bits_equal_the_recorded_ones(case):
    values, inverse_scale = quantise(DATA[f"{case}.in"])
    assert torch.equal(values.view(torch.uint8), DATA[f"{case}.fp8_bits"])
    assert torch.equal(values.float(), DATA[f"{case}.fp8_as_float"])
    assert inverse_scale.dtype == torch.float32
    assert torch.equal(inverse_scale, DATA[f"{case}.inv_scale"])


def recorded_layer() -> nn.Linear:
    layer = nn.Linear(40, 24)
    layer.load_state_dict({"weight": DATA["linear.weight"], "bias": DATA["linear.bias"]})
    return layer


def test_layer_is_within_a_hundredth_of_the_recorded_products():
    layer = Fp8Linear(recorded_layer())
    assert torch.equal(layer.weight.view(torch.uint8), DATA["linear.weight_fp8_bits"])
    assert torch.equal(layer.inverse_scale, DATA["linear.weight_inv_scale"])
    out = layer(DATA["linear.x"]).float()
    for expected in (DATA["linear.out_emulated_bf16"], DATA["linear.out_exact_fp8"]):
        assert (out - expected).abs().max() <= 0.01 * expected.abs().max()


def test_layer_equals_the_exact_product_of_its_decoded_operands_in_float32():
    layer = Fp8Linear(recorded_layer(), dtype=torch.float32)
    x, scale = quantise(DATA["linear.x"])
    weight = layer.weight.double() * layer.inverse_scale.double()
    expected = (x.double() * scale.double()) @ weight.T + layer.bias.double()
    torch.testing.assert_close(layer(DATA["linear.x"]).double(), expected, atol=1e-5, rtol=1e-5)


def test_the_three_hundred_layers_of_the_blocks_are_quantised_and_nothing_else():
    transformer = build_networks(FLASHWORLD).transformer
    outside = sum(isinstance(m, nn.Linear) for name, m in transformer.named_modules() if "blocks." not in name)
    quantise_blocks(transformer)
    assert sum(isinstance(m, Fp8Linear) for m in transformer.modules()) == 300
    assert sum(isinstance(m, nn.Linear) for m in transformer.modules()) == outside
