"""The kernels between the convolutions of pictures, in Triton's interpreter, against float64 and the released block."""

from collections import Counter

import pytest
import torch
from recorded import recorded, reference_networks
from torch import nn

from benchmarks.gpu_blocks import residual_block
from flashworld.models import frame_kernels, fused_frames
from flashworld.models.frames import channels_side_by_side, put_channels_last
from flashworld.models.fused_frames import FusedResidual, FusedUpBlock, fuse_frames, pictures_suit

CPU = torch.device("cpu")
SHAPES = [(1, 1), (7, 5), (130, 48), (3, 4100)]
"""The last has more channels than a program takes of several pixels."""


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("biased", [True, False])
def test_norm_and_activation_equal_the_slow_ones(shape, biased):
    pixels, gamma, bias = torch.randn(shape), torch.randn(shape[1]), torch.randn(shape[1]) if biased else None
    pixels[0] = 0
    exact = pixels.double() + (0 if bias is None else bias.double())
    exact = exact / exact.square().mean(1, keepdim=True).clamp(min=1e-24).sqrt() * gamma.double()
    ours = frame_kernels.norm_silu(pixels, gamma, 1e-24, bias)
    torch.testing.assert_close(ours.double(), nn.functional.silu(exact), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_equal_the_slow_ones(shape):
    pixels, others, bias = torch.randn(shape), torch.randn(shape), torch.randn(shape[1])
    exact = pixels.double() + bias.double() + others.double()
    torch.testing.assert_close(frame_kernels.add_biased(pixels, bias, others).double(), exact, rtol=1e-6, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("channels", [(12, 12), (12, 20), (20, 12)])
def test_a_fused_block_equals_the_released_one(channels):
    twins = residual_block(channels, CPU, torch.float32, (2, 5, 7))
    ours = twins.block.fused(*twins.arguments)
    assert ours.stride(1) == 1
    torch.testing.assert_close(ours, twins.expected(), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_kernels_suit_pictures_side_by_side_on_cuda_only(monkeypatch):
    x = torch.randn(2, 12, 1, 5, 7)
    turned = x.contiguous(memory_format=torch.channels_last_3d)
    assert not pictures_suit(turned)
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    assert pictures_suit(turned)
    assert not pictures_suit(x)
    assert not pictures_suit(torch.randn(2, 12, 3, 5, 7).contiguous(memory_format=torch.channels_last_3d))
    with torch.enable_grad():
        assert not pictures_suit(turned), "kernels have no gradients"


@torch.no_grad()
def test_whole_networks_equal_the_recorded_ones(monkeypatch):
    """With kernels in every block of the decoder, and in the residual blocks of the encoder."""
    networks = reference_networks()
    for network in (networks.recon_decoder, networks.vae):
        names = list(network.state_dict())
        put_channels_last(network)
        fuse_frames(network)
        assert list(network.state_dict()) == names
    used = Counter()
    for ours in (FusedResidual, FusedUpBlock):

        def counted(self, x, theirs=ours.fused, name=ours.__name__):
            used[name] += 1
            return theirs(self, x)

        monkeypatch.setattr(ours, "fused", counted)
    monkeypatch.setattr(fused_frames, "pictures_suit", channels_side_by_side)
    data = recorded("recon")
    decoded = networks.recon_decoder.decode(data["feats"].squeeze(2), data["latents"].squeeze(2))
    torch.testing.assert_close(decoded, data["decoded"].squeeze(2), atol=5e-5, rtol=0)
    decoder = networks.recon_decoder.decoder
    residuals = sum(isinstance(module, FusedResidual) for module in decoder.modules())
    assert used == {"FusedResidual": residuals, "FusedUpBlock": len(decoder.up_blocks) - 1}
    data = recorded("vae")
    moments = networks.vae.moments(data["image"].squeeze(2))
    torch.testing.assert_close(moments, data["moments"].squeeze(2), atol=2e-5, rtol=0)
    assert used["FusedResidual"] > residuals
