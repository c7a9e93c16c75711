"""Plans change where networks rest and how many views are worked on at once, and nothing else."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from flashworld.cameras.templates import make_path
from flashworld.cameras.views import to_path
from flashworld.errors import BackendError, Cancelled
from flashworld.generation import generate, stream
from flashworld.models.model import Model
from flashworld.models.text import RememberedPrompts
from flashworld.placement import CPU_PLAN, PLANS, RESIDENT, Plan, Residence, named, residence, streaming, thriftier
from flashworld.placement.residence import CPU, home
from flashworld.placement.streaming import LayerStream
from flashworld.request import SceneRequest
from flashworld.weights.fill import Placement
from flashworld.weights.untrained import build_untrained

DEVICE = torch.device("cpu", 0)
"""A device that works like `cpu` and is not equal to it, so that coming and going can be told apart."""


def small_model(plan: Plan = CPU_PLAN) -> Model:
    """The untrained tiny model, which works on `DEVICE` by a plan."""
    model = build_untrained(Placement(CPU, torch.float32))
    model.residence.device = DEVICE
    model.residence.adopt(plan)
    return model


@pytest.fixture(scope="module")
def request_for_scene() -> SceneRequest:
    views = to_path(make_path("left", 1, 3, 70, 64, 64), 64, 64).cameras
    return SceneRequest(text_prompt="x", cameras=views, resolution=(3, 64, 64), seed=0)


@pytest.fixture(scope="module")
def resident_scene(request_for_scene) -> torch.Tensor:
    return generate(request_for_scene, small_model()).gaussians.vectors()


@pytest.fixture
def places(monkeypatch) -> dict[int, list[torch.device]]:
    """Where each module was sent, in order."""
    seen: dict[int, list[torch.device]] = {}
    move = residence._move

    def watched(module: nn.Module, device: torch.device) -> None:
        seen.setdefault(id(module), []).append(device)
        move(module, device)

    monkeypatch.setattr(residence, "_move", watched)
    return seen


def close(ours: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal up to the rounding of convolutions over fewer pictures, which the loop repeats four times."""
    assert ours.shape == expected.shape
    assert (ours - expected).abs().max() <= 1e-3 * expected.abs().max()
    assert (ours - expected).abs().median() <= 2e-5


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_each_plan_gives_the_scene_of_the_resident_one(plan, request_for_scene, resident_scene):
    close(generate(request_for_scene, small_model(plan)).gaussians.vectors(), resident_scene)


@pytest.mark.parametrize(
    ("text", "transformer", "decoders"),
    list(
        itertools.product(
            ("resident", "streamed", "host"), ("resident", "leaving", "streamed"), ("resident", "visiting")
        )
    ),
)
def test_places_alone_change_no_bit(text, transformer, decoders, request_for_scene, resident_scene):
    plan = Plan("mixed", text_encoder=text, transformer=transformer, decoders=decoders)
    assert torch.equal(generate(request_for_scene, small_model(plan)).gaussians.vectors(), resident_scene)


@pytest.mark.parametrize("views_at_once", [1, 2, 3, 8])
def test_chunks_of_views_equal_all_at_once(views_at_once):
    model = small_model()
    generator = torch.Generator().manual_seed(0)
    z, features = model.config.autoencoder.z_dim, model.config.feature_channels
    cameras = make_path("left", 1, 3, 70, 64, 64)
    batch = type(cameras).from_vectors(cameras.vectors()[None])
    latents = torch.randn(1, z, 3, 4, 4, generator=generator)
    maps = torch.randn(1, features, 3, 4, 4, generator=generator)
    pictures = torch.rand(3, 3, 64, 64, generator=generator) * 2 - 1
    with torch.no_grad():
        whole = model.networks.recon_decoder(maps, latents, batch, views_at_once=3)
        parts = model.networks.recon_decoder(maps, latents, batch, views_at_once=views_at_once)
        torch.testing.assert_close(parts.vectors(), whole.vectors(), atol=2e-5, rtol=1e-4)
        coded = model.networks.vae(pictures, views_at_once=views_at_once)
        torch.testing.assert_close(coded.mean, model.networks.vae(pictures, views_at_once=3).mean, atol=2e-5, rtol=1e-4)


def test_decoders_visit_and_the_transformer_leaves_meanwhile(request_for_scene, places):
    model = small_model(Plan("mixed", transformer="leaving", decoders="visiting"))
    places.clear()
    generate(request_for_scene, model)
    num_steps = len(model.config.denoising_steps)
    networks = model.networks
    assert places[id(networks.recon_decoder)] == [DEVICE, CPU] * num_steps
    assert places[id(networks.vae)] == [DEVICE, CPU] * (num_steps - 1)
    # There for the sentence and each prediction, away for the decoder and for the encoder, which the last step lacks.
    each = [DEVICE, CPU, CPU]
    assert places[id(networks.transformer)] == [DEVICE, *(each * num_steps)[:-1]]


def test_a_network_goes_home_after_a_failure(places):
    model = small_model(Plan("mixed", decoders="visiting"))
    places.clear()
    with pytest.raises(TypeError):
        model.decoder()
    assert places[id(model.networks.recon_decoder)] == [DEVICE, CPU]


def test_homes():
    names = ("transformer", "recon_decoder", "vae", "text_encoder")
    assert {home(RESIDENT, name, DEVICE) for name in names} == {DEVICE}
    assert {home(PLANS[-1], name, DEVICE) for name in names} == {CPU}


def full_size_blocks(width: int = 8) -> list[nn.Sequential]:
    """As many layers as the published transformer has blocks, narrow ones."""
    return [nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)) for _ in range(30)]


def size_of(layer: nn.Module) -> int:
    return sum(p.numel() * p.element_size() for p in layer.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_streaming_never_holds_more_than_two_layers(dtype):
    layers = [layer.to(dtype) for layer in full_size_blocks()]
    x = torch.randn(5, 8, dtype=dtype)
    expected = x
    for layer in layers:
        expected = layer(expected)
    resting = [[p.data_ptr() for p in layer.parameters()] for layer in layers]
    passing = LayerStream(layers, CPU, pinned=True)
    held, borrowed = [], []
    for layer, homes in zip(layers, resting, strict=True):
        layer[0].register_forward_hook(lambda *_: held.append(passing.bytes_on_device))
        layer[0].register_forward_hook(
            lambda linear, *_, homes=homes: borrowed.append(linear.weight.data_ptr() != homes[0])
        )
    for _ in range(2):
        out = x
        for layer in layers:
            out = layer(out)
        assert torch.equal(out, expected)
    assert len(held) == 60
    assert max(held) == streaming.NUM_SLOTS * size_of(layers[0]), "more or less than two layers on the device"
    assert all(borrowed), "a layer worked where it rests"
    assert passing.bytes_on_device == 0
    assert [[p.data_ptr() for p in layer.parameters()] for layer in layers] == resting


def test_a_cancelled_call_gives_its_places_back_and_the_next_one_works(request_for_scene, resident_scene):
    model = small_model(PLANS[-1])

    def stop(progress):
        if progress.stage == "denoise" and progress.done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        generate(request_for_scene, model, report=stop)
    assert model.residence._streams["transformer"].bytes_on_device == 0
    close(generate(request_for_scene, model).gaussians.vectors(), resident_scene)


class _Memory:
    """Lets the model's transformer run out of memory a number of times."""

    def __init__(self, model: Model, times: int):
        self.left = times
        model.networks.transformer.register_forward_pre_hook(self)

    def __call__(self, *_) -> None:
        if self.left:
            self.left -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")


def test_out_of_memory_takes_the_next_plan_once_and_says_so(request_for_scene, resident_scene, caplog):
    model = small_model(RESIDENT)
    _Memory(model, times=1)
    steps = list(stream(request_for_scene, model))
    assert [step.index for step in steps] == [0, 1, 2, 3]
    assert model.residence.plan.name == "24GB"
    assert "Out of memory by plan resident; beginning again by plan 24GB." in caplog.text
    close(steps[-1].scene.gaussians.vectors(), resident_scene)


def test_out_of_memory_twice_is_one_clear_sentence(request_for_scene):
    model = small_model(RESIDENT)
    _Memory(model, times=2)
    with pytest.raises(BackendError, match=r"ran out of memory for 3 views of 64x64 pixels by plan 24GB: .*--plan"):
        generate(request_for_scene, model)


def test_the_thriftiest_plan_has_no_next(request_for_scene):
    model = small_model(PLANS[-1])
    _Memory(model, times=1)
    with pytest.raises(BackendError, match="by plan 8GB"):
        generate(request_for_scene, model)


@pytest.mark.slow
def test_a_model_can_take_up_every_plan_one_after_the_other(request_for_scene, resident_scene):
    model = small_model(RESIDENT)
    for plan in PLANS:
        model.residence.adopt(plan)
        close(generate(request_for_scene, model).gaussians.vectors(), resident_scene)


def test_plans_by_name():
    assert [named(plan.name.lower()) for plan in PLANS] == list(PLANS)
    assert named("CPU") == CPU_PLAN
    with pytest.raises(BackendError, match=r"no memory plan '2GB'; use auto or one of: resident, 24GB"):
        named("2GB")


def test_each_plan_is_followed_by_the_next_thriftier_one_in_its_own_precision():
    full = replace(RESIDENT, blocks="full")
    followers = []
    plan: Plan | None = full
    while plan := thriftier(plan):
        followers.append(plan)
    assert followers == [replace(plan, blocks="full") for plan in PLANS[1:]]
    assert thriftier(CPU_PLAN) is None
    assert thriftier(RESIDENT.with_flags(True, False, False)) == PLANS[-1]


def test_the_offload_options_keep_their_meaning():
    plan = RESIDENT.with_flags(True, True, True)
    assert (plan.text_encoder, plan.decoders, plan.transformer) == ("host", "visiting", "leaving")
    assert plan.name == "--offload-t5 --offload-vae --offload-transformer-during-vae"
    assert RESIDENT.with_flags(False, False, False) == RESIDENT


def test_prompts_are_encoded_once_and_the_empty_one_once_for_all(tmp_path):
    asked = []

    def encode(prompts: list[str]) -> torch.Tensor:
        asked.extend(prompts)
        return torch.full((1, 512, 4), float(len(asked)))

    first = RememberedPrompts(encode, tmp_path)
    for prompt in ("a", "", "a", "b", ""):
        first([prompt])
    assert asked == ["a", "", "b"]
    again = RememberedPrompts(encode, tmp_path)
    assert torch.equal(again([""]), first([""]))
    assert asked == ["a", "", "b"]
    again(["a"])
    assert asked == ["a", "", "b", "a"], "a user's words were written to the disk"


def test_only_the_latest_prompts_are_remembered(monkeypatch):
    monkeypatch.setattr("flashworld.models.text.MOST_REMEMBERED", 2)
    asked = []

    def encode(prompts: list[str]) -> torch.Tensor:
        asked.extend(prompts)
        return torch.zeros(1, 512, 4)

    remembered = RememberedPrompts(encode)
    for prompt in ("a", "b", "c", "b", "a"):
        remembered([prompt])
    assert asked == ["a", "b", "c", "a"]


def test_a_residence_starts_no_stream_before_its_network_works():
    model = small_model(PLANS[-1])
    assert isinstance(model.residence, Residence)
    assert model.residence._streams == {}
