"""Is it right? Each check is a number and the most that it may be."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.gpu_blocks import draw, residual_block, transformer_block
from benchmarks.gpu_model import DRY, Subject, random_model
from flashworld.cameras.templates import make_path
from flashworld.gaussians import Gaussians
from flashworld.generation import generate
from flashworld.models.config import FLASHWORLD, TINY
from flashworld.models.fp8 import Fp8, Fp8Linear, fp8_for, quantise, quantise_input
from flashworld.models.frames import FrameConv, FrameNorm, put_channels_last
from flashworld.models.fused_frames import fuse_frames
from flashworld.models.reconstruction import ReconstructionDecoder
from flashworld.placement import PLANS, WHOLE
from flashworld.rendering import available, render
from flashworld.testing.rasterise import render_reference

REFERENCE = Path(__file__).parents[1] / "tests/reference"

Check = tuple[str, float, float]


def checks(subject: Subject) -> Iterator[Check]:
    """Name, error, and the largest error that passes."""
    yield from _recorded_bits(subject.device)
    yield from _products(subject.device)
    yield from _picture_layers(subject.device)
    if subject.device.type == "cuda":
        yield from _kernels(subject.device)
    yield from _fused(subject.device)
    yield from _fused_decoder(subject.device)
    yield from _plans(subject.device)
    yield from _rasterisers(subject.device)


def _distance(ours: Tensor, exact: Tensor) -> float:
    difference = (ours.double().cpu() - exact.double().cpu()).norm() / exact.double().cpu().norm()
    return difference.nan_to_num(torch.inf).item()


def _recorded_bits(device: torch.device) -> Iterator[Check]:
    if not (REFERENCE / "fp8.safetensors").is_file():
        return
    from safetensors.torch import load_file

    recorded = load_file(REFERENCE / "fp8.safetensors")
    for case in range(5):
        bits, _ = quantise(recorded[f"q{case}.in"].to(device))
        wrong = (bits.view(torch.uint8).cpu() != recorded[f"q{case}.fp8_bits"]).sum().item()
        yield f"E4M3 bits of recorded input {case}", wrong, 0


def _products(device: torch.device) -> Iterator[Check]:
    """The hardware's products, and the kernel that prepares them, against float64."""
    torch.manual_seed(0)
    for rows, columns, outputs in ((128, 256, 512), (7, 48, 32), (33, 37, 29)):
        for how in (Fp8("tensor"), Fp8("row"), Fp8("row", "weights")):
            for bias in (True, False):
                layer = Fp8Linear.from_linear(nn.Linear(columns, outputs, bias=bias, device=device), how)
                x = torch.randn(rows, columns, device=device).bfloat16()
                values = x.double()
                if how.product == "hardware":
                    bits, inverse_scale = quantise(x, how.per)
                    values = bits.double() * inverse_scale.double()
                exact = values @ (layer.weight.double() * layer.inverse_scale.double()).T
                exact = exact if layer.bias is None else exact + layer.bias.double()
                name = f"{how.product} by {how.per}, {rows}x{columns}x{outputs}{', bias' if bias else ''}"
                yield name, _distance(layer(x), exact), 8e-3
    x = torch.randn(300, 3072, device=device).bfloat16()
    (bits, scales), (plain_bits, plain_scales) = quantise_input(x, "row"), quantise(x, "row")
    yield "kernel's scales", _distance(scales, plain_scales), 1e-6
    differing = (bits.view(torch.uint8) != plain_bits.view(torch.uint8)).float().mean().item()
    yield "kernel's bits, share that differs by rounding", differing, 1e-3


def _picture_layers(device: torch.device) -> Iterator[Check]:
    """Channels side by side change no more than rounding."""
    norm, conv = FrameNorm(64, images=False).to(device), FrameConv(64, 96, 3).to(device)
    torch.manual_seed(0)
    nn.init.normal_(norm.gamma)
    for parameter in conv.parameters():
        nn.init.normal_(parameter, std=0.05)
    x = torch.randn(2, 64, 1, 24, 40, device=device)
    x[0, :, 0, 0, 0] = 0
    turned = deepcopy(conv)
    put_channels_last(turned)
    with torch.no_grad():
        plain = conv(norm(x))
        ours = turned(norm(x.contiguous(memory_format=torch.channels_last_3d)))
    yield "norm and convolution, channels side by side", _distance(ours, plain), 2e-3  # tf32 in the convolutions


def _kernels(device: torch.device) -> Iterator[Check]:
    """Each kernel at full width against float64; E4M3's own steps are 0.03 of a number."""
    from flashworld.models import block_kernels, frame_kernels

    torch.manual_seed(0)
    states, update = torch.randn(2, 2, 1320, 3072, device=device).bfloat16()
    gate, factor, shift = torch.randn(3, 2, 3072, device=device)
    total, (bits, scales) = block_kernels.add_norm(states, update, gate, factor, shift, 1e-6)
    exact = states.double() + update.double() * gate.double()[:, None]
    yield "kernel of gated sums", _distance(total, exact), 4e-3
    exact = nn.functional.layer_norm(total.double(), (3072,), eps=1e-6)
    exact = exact * factor.double()[:, None] + shift.double()[:, None]
    yield "kernel of norms", _distance(bits.double() * scales.double(), exact.flatten(0, 1)), 0.03
    angles = torch.randn(1, 1320, 1, 64, device=device)
    cosines, sines = (table.repeat_interleave(2, -1) for table in (angles.cos(), angles.sin()))
    ours = block_kernels.rms_norm(states, factor[0], 1e-6, 24, (cosines, sines))
    normed = nn.functional.rms_norm(states.double(), (3072,), factor[0].double(), 1e-6)
    pairs = torch.view_as_complex(normed.view(2, 1320, 24, 64, 2))
    turned = pairs * torch.polar(torch.ones_like(angles).double(), angles.double())
    yield "kernel of rotations", _distance(ours, torch.view_as_real(turned).view_as(ours)), 4e-3
    rows = torch.randn(500, 14336, device=device).bfloat16()
    bits, scales = block_kernels.gelu(rows)
    exact = nn.functional.gelu(rows.double(), approximate="tanh")
    yield "kernel of GELU", _distance(bits.double() * scales.double(), exact), 0.03
    pixels, others = torch.randn(2, 5000, 160, device=device).bfloat16()
    gamma, bias = torch.randn(2, 160, device=device)
    ours = frame_kernels.norm_silu(pixels, gamma, 1e-24, bias)
    exact = nn.functional.silu(nn.functional.rms_norm(pixels.double() + bias.double(), (160,), gamma.double(), 1e-24))
    yield "kernel of pixels' norms", _distance(ours, exact), 4e-3
    exact = pixels.double() + bias.double() + others.double()
    yield "kernel of pixels' sums", _distance(frame_kernels.add_biased(pixels, bias, others), exact), 4e-3


@torch.no_grad()
def _fused(device: torch.device) -> Iterator[Check]:
    """Fused blocks at full width are no farther from float32 than the released ones, whose place they take."""
    torch.manual_seed(0)
    cuda, dtype = device.type == "cuda", torch.bfloat16
    config, grid = (FLASHWORLD, (4, 15, 22)) if cuda else (TINY, (2, 3, 2))
    for twins in (
        transformer_block(config, Fp8("row", fp8_for(device).product), device, dtype, grid),
        residual_block((512, 256) if cuda else (12, 8), device, dtype, (2, 120, 176) if cuda else (2, 5, 7)),
    ):
        block, expected = twins.block, twins.expected()
        released = type(block).__mro__[1].forward(block, *twins.arguments)
        ours = block(*twins.arguments)
        yield f"{twins.name}: kernels left out", float(cuda and torch.equal(ours, released)), 0
        ratio = _distance(ours, expected) / _distance(released, expected)
        yield f"{twins.name}: fused one's error, of the released one's", ratio, 1.05


@torch.no_grad()
def _fused_decoder(device: torch.device) -> Iterator[Check]:
    """The whole Gaussian decoder, on two small views, likewise."""
    torch.manual_seed(0)
    config = FLASHWORLD if device.type == "cuda" else TINY
    with device:
        exact = ReconstructionDecoder(config).eval().requires_grad_(False)
    for name, parameter in exact.named_parameters():
        draw(parameter, 1.0 if name.endswith("gamma") else 0.0)
    released = deepcopy(exact).bfloat16()
    put_channels_last(released)
    fused = deepcopy(released)
    fuse_frames(fused)
    features = torch.randn(2, config.feature_channels, 6, 10, device=device)
    latents = torch.randn(2, config.autoencoder.z_dim, 6, 10, device=device)
    expected, theirs, ours = (network.decode(features, latents) for network in (exact, released, fused))
    yield (
        "decoder: fused one's error, of the released one's",
        _distance(ours, expected) / _distance(theirs, expected),
        1.05,
    )


def _plans(device: torch.device) -> Iterator[Check]:
    """A small model's scene by every plan, against everything resident."""
    subject = Subject(DRY.config, DRY.size, device)
    how = fp8_for(device)
    expected = generate(subject.request(), random_model(subject, how, WHOLE)).gaussians
    for plan in PLANS:
        scene = generate(subject.request(), random_model(subject, how, plan)).gaussians
        # bfloat16 rounds another way where fewer views are convolved at once, and four steps repeat it.
        yield f"scene by plan {plan.name}", _distance(scene.means, expected.means), 0.05


def _rasterisers(device: torch.device) -> Iterator[Check]:
    """Every usable rasteriser against the float64 twin, on a small scene."""
    generator = torch.Generator().manual_seed(0)
    n = 400
    scene = Gaussians(
        means=torch.randn(n, 3, generator=generator) * 0.6 + torch.tensor([0.0, 0.0, -3.0]),
        quaternions=nn.functional.normalize(torch.randn(n, 4, generator=generator), dim=-1),
        scales=torch.rand(n, 3, generator=generator) * 0.08 + 0.01,
        opacities=torch.rand(n, generator=generator),
        harmonics=torch.randn(n, 9, 3, generator=generator) * 0.3,
    )
    cameras = make_path("left", 0.5, 2, 60, 48, 64)
    expected = render_reference(scene, cameras, 48, 64)
    for name, missing in available().items():
        if missing is None:
            ours = render(scene.to(device), cameras.to(device), 48, 64, rasteriser=name)
            yield f"rasteriser {name}: colour", (ours.colour.cpu() - expected.colour).abs().max().item(), 1e-3
            yield f"rasteriser {name}: depth", (ours.depth.cpu() - expected.depth).abs().max().item(), 1e-2
