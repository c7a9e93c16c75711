"""Offloading changes where networks rest, and nothing else."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from flashworld.apps.cli.options import describe
from flashworld.cameras.templates import make_path
from flashworld.cameras.views import to_path
from flashworld.generation import generate
from flashworld.models import offload
from flashworld.models.model import Model
from flashworld.models.offload import CPU, PLANS, Offloading, offloaded
from flashworld.request import SceneRequest
from flashworld.weights import load, suit_memory

DEVICE = torch.device("cpu", 0)
"""A device that works like `cpu` and is not equal to it, so that coming and going can be told apart."""


@pytest.fixture(scope="module")
def model() -> Model:
    return replace(load("tiny"), device=DEVICE)


@pytest.fixture(scope="module")
def request_for_scene() -> SceneRequest:
    views = to_path(make_path("left", 1, 2, 70, 64, 64), 64, 64).cameras
    return SceneRequest(text_prompt="x", cameras=views, resolution=(2, 64, 64), seed=0)


@pytest.fixture
def places(monkeypatch) -> dict[int, list[torch.device]]:
    """Where each module was sent, in order."""
    seen: dict[int, list[torch.device]] = {}
    move = offload._move

    def watched(module: nn.Module, device: torch.device) -> None:
        seen.setdefault(id(module), []).append(device)
        move(module, device)

    monkeypatch.setattr(offload, "_move", watched)
    return seen


@pytest.mark.parametrize("decoders", [False, True])
@pytest.mark.parametrize("transformer_meanwhile", [False, True])
def test_offloading_changes_no_scene(model, request_for_scene, decoders, transformer_meanwhile):
    choice = Offloading(text_encoder=True, decoders=decoders, transformer_meanwhile=transformer_meanwhile)
    ours = generate(request_for_scene, offloaded(model, choice)).gaussians
    assert torch.equal(ours.vectors(), generate(request_for_scene, model).gaussians.vectors())


def test_decoders_visit_and_the_transformer_leaves_meanwhile(model, request_for_scene, places):
    generate(request_for_scene, offloaded(model, Offloading(decoders=True, transformer_meanwhile=True)))
    num_steps = len(model.config.denoising_steps)
    networks = model.networks
    assert places[id(networks.recon_decoder)] == [DEVICE, CPU] * num_steps
    assert places[id(networks.vae)] == [DEVICE, CPU] * (num_steps - 1)
    # To the device for its prediction, away for the decoder and again for the encoder, which the last step has not.
    assert places[id(networks.transformer)] == [DEVICE, CPU, CPU] * (num_steps - 1) + [DEVICE, CPU]


def test_a_network_goes_home_after_a_failure(model, places):
    visiting = offloaded(model, Offloading(decoders=True))
    with pytest.raises(TypeError):
        visiting.decoder()  # pyright: ignore[reportCallIssue]
    assert places[id(model.networks.recon_decoder)] == [DEVICE, CPU]


def test_homes():
    choice = Offloading(text_encoder=True, decoders=True)
    homes = {name: choice.home(name, DEVICE) for name in ("transformer", "recon_decoder", "vae", "text_encoder")}
    assert homes == {"transformer": DEVICE, "recon_decoder": CPU, "vae": CPU, "text_encoder": CPU}
    assert Offloading().home("vae", DEVICE) == DEVICE


@pytest.mark.parametrize(("gib", "plan"), [(80, 0), (32, 0), (24, 1), (13, 1), (12, 3), (8, 3)])
def test_the_published_model_keeps_off_a_device_what_does_not_fit(gib: int, plan: int):
    """In bfloat16 its transformer has 9.4 GiB, its text encoder 10.6 and the two others 0.5."""
    assert suit_memory(gib * 2**30, torch.bfloat16) == PLANS[plan]


def test_a_plan_is_told_as_the_options_that_ask_for_it():
    assert describe(PLANS[0]) == "everything resident"
    assert describe(PLANS[2]) == "as with --offload-t5 --offload-vae"


def test_every_plan_needs_no_more_memory_than_the_one_before():
    sizes = {"transformer": 90, "text_encoder": 100, "vae": 3, "recon_decoder": 7}
    assert [plan.peak(sizes) for plan in PLANS] == [200, 100, 97, 90]
