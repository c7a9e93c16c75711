"""The kernels of the transformer's blocks, in Triton's interpreter, against float64 and the released block."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import triton.language as tl
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed
from torch import nn
from triton.runtime import interpreter

from benchmarks.gpu_blocks import transformer_block
from flashworld.models import block_kernels, fp8_kernel, kernels
from flashworld.models.config import TINY
from flashworld.models.fp8 import Fp8, quantise, quantise_blocks
from flashworld.models.fused_block import FusedBlock, fuse_blocks
from flashworld.models.transformer import TransformerDenoiser, build_transformer
from flashworld.placement.streaming import LayerStream

CPU, GRID = torch.device("cpu"), (2, 3, 2)
SHAPES = [(1, 1, 1), (2, 3, 40), (1, 5, 129), (3, 2, 96)]
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy warns of what overflows on purpose

DTYPES = [torch.bfloat16, torch.float32]
SCALES_OF_ROUNDING = {torch.bfloat16: 2**-8, torch.float32: 1e-6}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def rounding_as_on_a_gpu(monkeypatch) -> None:
    """The interpreter loses the carry where it rounds to E4M3 (so 127 becomes 64), and cuts where it makes bfloat16."""
    theirs = interpreter._convert_float
    formats = {tl.float8e4nv: torch.float8_e4m3fn, tl.bfloat16: torch.bfloat16}

    def convert(values, given, wanted, rounding):
        if given != tl.float32 or wanted not in formats:
            return theirs(values, given, wanted, rounding)
        integers = {1: torch.uint8, 2: torch.uint16}[wanted.primitive_bitwidth // 8]
        return torch.from_numpy(np.array(values)).to(formats[wanted]).view(integers).numpy()

    monkeypatch.setattr(interpreter, "_convert_float", convert)


def random(*shape: int, dtype: torch.dtype = torch.float32, loud: float = 3.0) -> torch.Tensor:
    return (loud * torch.randn(shape)).to(dtype)


def layer_norm(x: torch.Tensor, factor: torch.Tensor, shift: torch.Tensor, eps: float) -> torch.Tensor:
    """The slow twin: [b, t, c] in float64, factor and shift [b, c] or [c]."""
    x, factor, shift = x.double(), factor.double(), shift.double()
    if factor.ndim == 2:
        factor, shift = factor[:, None], shift[:, None]
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * factor + shift


def assert_stands_for(quantised: tuple[torch.Tensor, torch.Tensor], expected: torch.Tensor) -> None:
    """Rows whose largest number is 448 and which are within half a step of E4M3 (three bits) of what they stand for."""
    values, inverse_scales = quantised
    expected = expected.flatten(0, -2)
    largest = expected.abs().amax(-1, keepdim=True)
    assert (values.dtype, inverse_scales.dtype) == (torch.float8_e4m3fn, torch.float32)
    torch.testing.assert_close(inverse_scales.double(), largest.clamp(min=1e-12) / 448, rtol=1e-4, atol=1e-12)
    error = (values.double() * inverse_scales.double() - expected).abs()
    assert (error <= (1.01 / 16) * expected.abs() + (1.01 / 448 / 2**9) * largest + 1e-6).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (5, 129)])
def test_rows_are_quantised_bit_by_bit_as_without_a_kernel(shape):
    rows = random(*shape)
    rows[0] = 0
    values, inverse_scales = fp8_kernel.quantise_rows(rows)
    expected, expected_scales = quantise(rows, "row")
    assert torch.equal(values.view(torch.uint8), expected.view(torch.uint8))
    torch.testing.assert_close(inverse_scales, expected_scales, rtol=1e-6, atol=0)
    turned = random(shape[1], shape[0]).t()
    assert torch.equal(fp8_kernel.quantise_rows(turned)[0].float(), quantise(turned, "row")[0].float())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_norm_equals_the_slow_one(shape, dtype):
    states = random(*shape, dtype=dtype) + 5
    for channels in (shape[::2], shape[2:]):  # of each scene, and of all alike
        factor, shift = random(*channels), random(*channels)
        assert_stands_for(block_kernels.norm(states, factor, shift, 1e-6), layer_norm(states, factor, shift, 1e-6))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gated", [True, False])
def test_sums_equal_the_slow_ones_and_are_normed_as_they_are_stored(shape, dtype, gated):
    states, update, factor, shift = (
        random(*shape, dtype=dtype),
        random(*shape, dtype=dtype),
        random(shape[2]),
        random(shape[2]),
    )
    gate = random(shape[0], 6, shape[2])[:, 2] if gated else None  # as it is cut from the modulation
    expected = states.double() + update.double() * (1 if gate is None else gate[:, None].double())
    total, quantised = block_kernels.add_norm(states, update, gate, factor, shift, 1e-5)
    assert total.dtype == dtype
    rounding = SCALES_OF_ROUNDING[dtype]
    torch.testing.assert_close(total.double(), expected, rtol=rounding, atol=10 * SCALES_OF_ROUNDING[torch.float32])
    assert_stands_for(quantised, layer_norm(total, factor, shift, 1e-5))
    if gate is not None:
        assert torch.equal(block_kernels.add(states, update, gate), total)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "heads"), [((1, 6, 24), 1), ((2, 12, 60), 5), ((1, 24, 96), 6)])
def test_rms_norm_and_rotation_equal_the_slow_ones(shape, heads, dtype):
    states, weight = random(*shape, dtype=dtype), random(shape[2], dtype=dtype)
    exact = states.double()
    exact = exact / (exact.square().mean(-1, keepdim=True) + 1e-6).sqrt() * weight.double()
    tolerance = {"rtol": SCALES_OF_ROUNDING[dtype], "atol": 1e-5}
    ours = block_kernels.rms_norm(states, weight, 1e-6, heads)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.double(), exact, **tolerance)

    head = shape[2] // heads
    cosine, sine = WanRotaryPosEmbed(head, (1, 2, 2), 8)(torch.zeros(1, 1, shape[1] // 6, 4, 6))
    pairs = torch.view_as_complex(exact.view(*shape[:2], heads, head // 2, 2))
    angles = torch.complex(cosine.double(), sine.double())[..., ::2]
    turned = torch.view_as_real(pairs * angles).reshape(shape)
    ours = block_kernels.rms_norm(states, weight, 1e-6, heads, (cosine, sine))
    torch.testing.assert_close(ours.double(), turned, **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (2, 300)])
def test_gelu_equals_the_slow_one(shape, dtype):
    rows = random(*shape, dtype=dtype)
    rows[0, 0] = -300  # where the exponential overflows
    assert_stands_for(block_kernels.gelu(rows), nn.functional.gelu(rows.double(), approximate="tanh"))
    turned = random(*shape[::-1], dtype=dtype).t()
    assert_stands_for(block_kernels.gelu(turned), nn.functional.gelu(turned.double(), approximate="tanh"))


@torch.no_grad()
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_fused_block_equals_the_released_one(dtype):
    """It rounds less often, so it is no farther from float32; each differs from that by the steps of E4M3."""
    twins = transformer_block(TINY, Fp8("row", "hardware"), CPU, dtype, GRID)
    expected, states = twins.expected(), twins.arguments[0].float()
    moved = (expected - states).norm()
    assert moved > 0.1 * states.norm(), "the block does nothing"
    released, ours = (call(*twins.arguments).float() for call in (twins.block, twins.block.fused))
    assert (ours - expected).norm() < 0.05 * moved
    assert (ours - expected).norm() < 1.05 * (released - expected).norm()


@torch.no_grad()
@pytest.mark.parametrize(
    "how", [None, Fp8("tensor", "hardware"), Fp8("row", "weights"), Fp8("row", "hardware")], ids=str
)
def test_kernels_suit_eight_bits_by_row_on_cuda_only(how, monkeypatch):
    twins = transformer_block(TINY, how, CPU, torch.float32, GRID)
    block, call = twins.block, twins.arguments
    assert not block.suits(call[0], call[2])
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    assert block.suits(call[0], call[2]) == (how == Fp8("row", "hardware"))
    assert not block.suits(call[0], call[2][:, None]), "a timestep for each token"
    with torch.enable_grad():
        assert not block.suits(call[0], call[2]), "kernels have no gradients"


@pytest.mark.slow
@torch.no_grad()
def test_streamed_blocks_are_fused_too(monkeypatch):
    """Weights come and go between calls; kernels read them where they are."""
    config = replace(TINY, transformer=replace(TINY.transformer, num_layers=3))
    transformer = build_transformer(config).eval().requires_grad_(False)
    quantise_blocks(transformer, Fp8("row", "hardware"), torch.float32)
    denoiser = TransformerDenoiser(transformer, config.autoencoder.z_dim)
    inputs, text = random(1, config.in_channels, 2, 4, 6), random(1, 7, config.transformer.text_dim)
    call = (inputs, torch.tensor([750.0]), text)
    released, _ = denoiser(*call)
    fuse_blocks(transformer)
    monkeypatch.setattr(FusedBlock, "suits", lambda *_: True)
    fused, _ = denoiser(*call)
    assert 0 < (fused - released).norm() < 0.02 * released.norm()
    LayerStream(list(transformer.blocks), CPU, pinned=False)
    streamed, _ = denoiser(*call)
    assert torch.equal(streamed, fused)


def test_without_what_triton_needs_the_released_code_works_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    monkeypatch.setattr(kernels.triton_rasteriser, "missing", lambda: "Install gcc.")
    kernels._triton_starts.cache_clear()
    assert not kernels.kernels_suit(torch.zeros(1))
    assert "Install gcc." in caplog.text
    kernels._triton_starts.cache_clear()


def test_fusing_changes_no_name_and_no_number_of_a_model_that_does_not_suit():
    transformer = build_transformer(TINY)
    before = transformer.state_dict()
    fuse_blocks(transformer)
    assert all(type(block) is FusedBlock for block in transformer.blocks)
    after = transformer.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
