"""The networks against recorded numbers of the published model, and its full-size manifest."""

import json
from collections import Counter

import pytest
import torch
from pydantic import ValidationError
from recorded import REFERENCE, recorded, reference_config, reference_networks, under

from flashworld.cameras import Cameras
from flashworld.errors import Cancelled
from flashworld.events import Progress
from flashworld.models.config import FLASHWORLD, TINY, ModelConfig, select
from flashworld.models.fp8 import Fp8, quantise_blocks
from flashworld.models.frames import FRAME_CLASSES, FrameUpsample, put_channels_last
from flashworld.models.gaussian_head import GaussianHead
from flashworld.models.model import Networks, build_networks
from flashworld.models.text import Umt5TextEncoder, byte_tokenizer
from flashworld.models.transformer import TransformerDenoiser


@pytest.fixture(scope="module")
def networks() -> Networks:
    return reference_networks()


@pytest.fixture(scope="module")
def short_networks() -> Networks:
    return reference_networks(torch.bfloat16)


def close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)


def relative_l2(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return ((actual - expected).norm() / expected.norm()).item()


def denoise(networks: Networks, data: dict[str, torch.Tensor], **kwargs) -> tuple[torch.Tensor, torch.Tensor]:
    denoiser = TransformerDenoiser(networks.transformer, latent_channels=8)
    return denoiser(data["hidden_states"], data["timestep"], data["encoder_hidden_states"], **kwargs)


def test_full_size_names_and_shapes_equal_the_manifest():
    manifest = json.loads((REFERENCE / "state_dict_manifest.json").read_text())
    networks = build_networks(FLASHWORLD).named()
    for part in ("transformer", "recon_decoder", "vae"):
        state = networks[part].state_dict()
        assert {name: list(value.shape) for name, value in state.items()} == {
            k: v[0] for k, v in manifest[part].items()
        }
        assert len(state) == manifest["counts"][part]["tensors"]
        assert sum(value.numel() for value in state.values()) == manifest["counts"][part]["elements"]
        assert all(value.is_meta for value in state.values())


def test_presets_survive_a_round_trip_through_json():
    for config in (FLASHWORLD, TINY, reference_config()):
        assert select(ModelConfig, json.loads(json.dumps(config.to_json()))) == config


def test_a_missing_size_is_not_guessed():
    values = TINY.to_json()
    del values["transformer"]["ffn_dim"]
    with pytest.raises(ValidationError, match="ffn_dim"):
        select(ModelConfig, values)


def test_transformer_equals_the_recorded_one(networks):
    data = recorded("transformer")
    velocity, features = denoise(networks, data)
    close(velocity, data["v_pred"], 3e-5)
    close(features, data["feats"], 3e-5)
    temb, projected, text, _ = networks.transformer.condition_embedder(data["timestep"], data["encoder_hidden_states"])
    close(temb, data["temb"], 3e-5)
    close(projected, data["timestep_proj"], 3e-5)
    close(text, data["text_tokens"], 3e-5)
    cosine, sine = networks.transformer.rope(data["hidden_states"])
    close(cosine.squeeze(), data["rope_cos"].squeeze(), 1e-6)
    close(sine.squeeze(), data["rope_sin"].squeeze(), 1e-6)


def test_autoencoder_equals_the_recorded_one(networks):
    data = {name: value.squeeze(2) for name, value in recorded("vae").items()}
    moments = networks.vae.moments(data["image"])
    close(moments, data["moments"], 2e-5)
    close(moments[:, :8], data["mean"], 2e-5)
    posterior = networks.vae(data["image"])
    close(posterior.mean, data["scaled_mean"], 2e-5)
    close(posterior.sample(data["noise"]), data["scaled_sample"], 2e-5)
    close(networks.vae.scale.to_decoder(data["scaled_sample"]), data["unscaled_again"], 2e-5)


def reconstruct(networks: Networks, data: dict[str, torch.Tensor], **kwargs) -> torch.Tensor:
    scaled = networks.recon_decoder.scale.to_denoiser(data["latents"])
    features, latents = (x.squeeze(2).transpose(0, 1)[None] for x in (data["feats"], scaled))
    return networks.recon_decoder(features, latents, Cameras.from_vectors(data["cameras"]), **kwargs).vectors()


def test_reconstruction_equals_the_recorded_one(networks):
    data = recorded("recon")
    decoded = networks.recon_decoder.decode(data["feats"].squeeze(2), data["latents"].squeeze(2))
    close(decoded, data["decoded"].squeeze(2), 5e-5)
    close(reconstruct(networks, data), data["gaussians"].flatten(1, 4), 5e-5)


def test_gaussian_head_equals_the_recorded_one():
    data = recorded("gs_head")
    head = GaussianHead(10, points_per_pixel=2, sh_degree=2)
    head.load_state_dict(under(recorded("tiny_model"), "recon_decoder.gs_head."))
    close(head(data["x"], Cameras.from_vectors(data["cameras"])).vectors(), data["out"].flatten(1, 3), 5e-5)


def test_text_encoder_equals_the_recorded_one(networks):
    data = recorded("text")
    encoder = Umt5TextEncoder(byte_tokenizer(), networks.text_encoder)
    embeds = encoder.embed(data["input_ids"], data["attention_mask"])
    close(embeds, data["embeds"], 1e-5)
    assert embeds[data["attention_mask"] == 0].abs().max() == 0


def test_a_prompt_does_not_depend_on_its_neighbours(networks):
    encoder = Umt5TextEncoder(byte_tokenizer(), networks.text_encoder)
    tokens = recorded("text")["input_ids"].repeat(2, 1)
    mask = torch.zeros_like(tokens)
    mask[0, :7], mask[1, :300] = 1, 1
    together = encoder.embed(tokens, mask)
    close(together[:1], encoder.embed(tokens[:1], mask[:1]), 1e-5)
    assert together[0, 7:].abs().max() == 0
    assert together[1, 299].abs().max() > 0


@pytest.mark.parametrize(
    "fp8", [None, *(Fp8(per, how) for per in ("tensor", "row") for how in ("hardware", "weights"))]
)
def test_reduced_precision_transformer_is_close_enough(fp8):
    networks, data = reference_networks(torch.bfloat16), recorded("transformer")
    if fp8:
        quantise_blocks(networks.transformer, fp8)
    out = torch.cat(denoise(networks, data), dim=1)
    assert out.dtype == torch.float32
    assert relative_l2(out, data["out"]) <= 2 * (0.029 if fp8 else 0.0066)


def test_reduced_precision_autoencoder_is_close_enough(short_networks):
    data = recorded("vae")
    moments = short_networks.vae.moments(data["image"].squeeze(2))
    assert relative_l2(moments, data["moments"].squeeze(2)) <= 2 * 0.0029


def test_reduced_precision_reconstruction_is_close_enough(short_networks):
    data = recorded("recon")
    decoded = short_networks.recon_decoder.decode(data["feats"].squeeze(2), data["latents"].squeeze(2)).float()
    assert relative_l2(decoded, data["decoded"].squeeze(2)) <= 2 * 0.013
    gaussians = reconstruct(short_networks, data)
    assert gaussians.dtype == torch.float32
    assert relative_l2(gaussians, data["gaussians"].flatten(1, 4)) <= 2 * 0.012


def test_every_frame_is_coded_by_itself(networks, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(5, 3, 32, 64, generator=generator) * 2 - 1
    together = networks.vae(pictures)
    monkeypatch.setattr("flashworld.models.autoencoder.PIXELS_AT_ONCE", 2 * 32 * 64)
    reports: list[Progress] = []
    in_chunks = networks.vae(pictures, reports.append)
    close(in_chunks.mean, together.mean, 2e-5)
    close(in_chunks.std, together.std, 2e-5)
    assert [(p.stage, p.done, p.total) for p in reports] == [("encode", done, 5) for done in (0, 2, 4, 5)]


def test_scenes_of_a_batch_and_chunks_of_views_are_independent(networks, monkeypatch):
    data = recorded("recon")
    twice = {
        "feats": data["feats"].squeeze(2).transpose(0, 1)[None].repeat(2, 1, 1, 1, 1),
        "latents": networks.recon_decoder.scale.to_denoiser(data["latents"]).squeeze(2).transpose(0, 1)[None],
    }
    twice["latents"] = torch.cat([twice["latents"], twice["latents"].flip(2)])
    cameras = Cameras.from_vectors(data["cameras"].repeat(2, 1, 1))
    monkeypatch.setattr("flashworld.models.reconstruction.CELLS_AT_ONCE", 2 * 16 * 24)
    reports: list[Progress] = []
    scenes = networks.recon_decoder(twice["feats"], twice["latents"], cameras, reports.append)
    close(scenes[0].vectors(), data["gaussians"].flatten(0, 4), 5e-5)
    assert not torch.allclose(scenes[1].vectors(), scenes[0].vectors(), atol=1e-2)
    assert [(p.stage, p.done, p.total) for p in reports] == [("decode", done, 6) for done in (0, 2, 4, 6)]


def test_denoiser_reports_its_blocks_and_can_be_stopped_inside(networks):
    data = recorded("transformer")
    reports: list[Progress] = []
    denoise(networks, data, report=reports.append)
    assert reports == [Progress("denoise", done, 2) for done in range(3)]

    def stop(progress: Progress) -> None:
        if progress.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        denoise(networks, data, report=stop)
    assert not any(block._forward_hooks for block in networks.transformer.blocks)
    close(denoise(networks, data)[0], data["v_pred"], 3e-5)


@pytest.mark.parametrize("part", ["decoder", "autoencoder"])
def test_channels_side_by_side_change_no_more_than_rounding(part, monkeypatch):
    """The layers with fewer passes over memory, against the library's that they stand for."""
    slow = Counter()
    for ours in FRAME_CLASSES.values():

        def counted(self, *args, theirs=ours.__mro__[1].forward, name=ours.__name__):
            slow[name] += 1
            return theirs(self, *args)

        monkeypatch.setattr(ours.__mro__[1], "forward", counted)
    networks = reference_networks()
    turned = reference_networks()
    put_channels_last(turned.recon_decoder)
    put_channels_last(turned.vae)
    data = recorded("recon")
    features, latents = data["feats"].squeeze(2), data["latents"].squeeze(2)
    pictures = torch.rand(3, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        if part == "decoder":
            expected = networks.recon_decoder.decode(features, latents)
            slow.clear()
            ours = turned.recon_decoder.decode(features, latents)
        else:
            expected = networks.vae.moments(pictures)
            slow.clear()
            ours = turned.vae.moments(pictures)
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)
    # The attention in the middle hands its pictures over in the library's layout.
    assert slow == {"FrameNorm": 1}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_four_small_kernels_are_repeating_pixels_and_convolving(layout):
    generator = torch.Generator().manual_seed(0)
    upsample = FrameUpsample(torch.nn.Upsample(scale_factor=2), torch.nn.Conv2d(3, 5, 3, padding=1)).double()
    x = torch.randn(2, 3, 4, 7, generator=generator, dtype=torch.float64).to(memory_format=layout)
    x.requires_grad_()
    fine = upsample(x)
    assert fine.is_contiguous(memory_format=layout)
    torch.testing.assert_close(fine, torch.nn.Sequential.forward(upsample, x))
    assert torch.autograd.gradcheck(upsample, x)
