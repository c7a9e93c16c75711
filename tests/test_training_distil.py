"""Distillation: its gradient is that of a divergence which is known, and it moves nothing but what it should."""

import copy
import gc
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from flashworld.training import distil, run
from flashworld.training.beginnings import begin_scenes
from flashworld.training.checkpoints import write_result
from flashworld.training.data import SeenWorld, background
from flashworld.training.distil import Critics, fake_losses, generated, student_losses
from flashworld.training.draws import normal
from flashworld.training.flow import Velocity, guided, levels, matching_gradient, matching_loss, noised, velocity_loss
from flashworld.training.pupil import Pupil
from flashworld.training.recipes import tiny_smoke
from flashworld.training.run import Place, write_model
from flashworld.training.scenes import SceneBatch, known
from flashworld.training.trainer import LogEntry, Plan, Task, TrainingState, train
from flashworld.training.worlds import training_seed
from flashworld.weights import load

RECIPE = tiny_smoke()
REAL = (0.7, 0.5)
"""Mean and standard deviation of the distribution that toys are drawn to."""


def mean_clean(noisy: Tensor, sigma: Tensor, mean: Tensor | float, std: Tensor | float) -> Tensor:
    """Of a normal distribution: the mean of the clean samples that a noisy one may come from."""
    variance = (1 - sigma) ** 2 * std**2 + sigma**2
    return mean + (1 - sigma) * std**2 / variance * (noisy - (1 - sigma) * mean)


def normal_velocity(mean: Tensor | float, std: Tensor | float) -> Velocity:
    """The velocity at noisy samples of a normal distribution."""

    def velocity(noisy: Tensor, sigma: Tensor) -> Tensor:
        level = sigma[:, None, None, None, None]
        return (noisy - mean_clean(noisy, level, mean, std)) / level

    return velocity


def divergence(mean: Tensor, std: Tensor, sigma: float) -> Tensor:
    """KL(fake || real) of normal distributions at a noise level, by its closed form."""
    variance, real_variance = ((1 - sigma) ** 2 * s**2 + sigma**2 for s in (std, torch.tensor(REAL[1]).double()))
    apart = (1 - sigma) * (mean - REAL[0])
    return 0.5 * (variance / real_variance + apart**2 / real_variance - 1 + (real_variance / variance).log())


@pytest.mark.parametrize("sigma", [0.1, 0.5, 0.95])
def test_the_gradient_is_that_of_the_divergence_up_to_the_stated_weight(sigma: float):
    """Exact by quadrature: the expectation over samples and noise is one of a polynomial of second degree."""
    mean, std = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (-0.4, 1.3))
    wanted = torch.autograd.grad(divergence(mean, std, sigma), (mean, std))

    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.hermite_e.hermegauss(4))
    z, noise = (grid.reshape(-1, 1, 1, 1, 1) for grid in torch.meshgrid(nodes, nodes, indexing="ij"))
    probability = torch.outer(weights, weights).reshape(-1, 1, 1, 1, 1) / (2 * math.pi)
    samples = mean + std * z
    with torch.no_grad():
        level = torch.full((len(samples),), sigma, dtype=torch.float64)
        noisy = noised(samples, noise, level)
        real, fake = (mean_clean(noisy, level[0], m, s) for m, s in (REAL, (mean, std)))
        weight = sigma**2 / ((1 - sigma) ** 2 * (samples - real).abs())
        unweighted = matching_gradient(samples, real, fake) / weight
    found = torch.autograd.grad((probability * unweighted * samples).sum(), (mean, std))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_the_loss_has_that_gradient_and_half_its_square_as_value():
    samples = torch.randn(3, 2, 1, 4, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    real, fake = normal_velocity(*REAL), normal_velocity(-0.4, 1.3)
    sigma = torch.tensor([0.2, 0.5, 0.9])
    loss = matching_loss(samples, real, fake, sigma, torch.Generator().manual_seed(2))
    (found,) = torch.autograd.grad(loss, samples)

    level = sigma[:, None, None, None, None]
    noise = torch.randn(samples.shape, generator=torch.Generator().manual_seed(2))
    noisy = (1 - level) * samples + level * noise
    clean_real, clean_fake = mean_clean(noisy, level, *REAL), mean_clean(noisy, level, -0.4, 1.3)
    wanted = (clean_fake - clean_real) / (samples - clean_real).abs().mean(dim=(1, 2, 3, 4), keepdim=True)
    torch.testing.assert_close(found, wanted.detach() / samples.numel(), rtol=1e-4, atol=1e-7)
    assert loss.item() == pytest.approx(0.5 * wanted.square().mean().item(), rel=1e-4)


def test_where_the_distributions_agree_nothing_moves():
    samples = torch.randn(4, 1, 1, 3, 3).requires_grad_()
    sigma = torch.tensor([0.1, 0.4, 0.7, 1.0])
    loss = matching_loss(samples, normal_velocity(*REAL), normal_velocity(*REAL), sigma, torch.Generator())
    assert loss == 0
    assert not torch.autograd.grad(loss, samples)[0].any()


def test_guidance_goes_from_the_unconditional_through_the_conditional_on():
    """Normal distributions of one width: their velocities are linear in the mean, so guidance moves the mean."""
    noisy, sigma = torch.randn(5, 1, 1, 2, 2), torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    for guidance, mean in ((0.0, -1.0), (1.0, 2.0), (3.0, 8.0)):
        found = guided(normal_velocity(2.0, 0.5), normal_velocity(-1.0, 0.5), guidance)(noisy, sigma)
        torch.testing.assert_close(found, normal_velocity(mean, 0.5)(noisy, sigma), rtol=1e-4, atol=1e-4)


class Toy(nn.Module):
    """A generator of normal samples, and a fake score that is as free; both begin far from `REAL`."""

    def __init__(self):
        super().__init__()
        self.student = nn.Parameter(torch.tensor([-0.5, 0.3]))
        self.fake = nn.Parameter(torch.tensor([-0.5, 0.3]))

    def of(self, generator: torch.Generator, batch: int) -> Tensor:
        mean, log_std = self.student
        return mean + log_std.exp() * torch.randn(batch, 1, 1, 8, 8, generator=generator)


TOY = Plan(samples=38_400, batch=32, rate=2e-2, warm_up=0, final_rate=0.01, half_life=4_000, score_every=1000)


def toy_task() -> Task[int]:
    """Both take turns as in the stage."""
    toy = Toy()

    def losses(_batch: int, generator: torch.Generator, progress: float) -> dict[str, Tensor]:
        if round(progress * TOY.samples / TOY.batch) % 5 == 4:
            samples = toy.of(generator, TOY.batch)
            fake = normal_velocity(toy.fake[0], toy.fake[1].exp())
            sigma = levels(samples, 3.0, generator)
            return {"loss": matching_loss(samples, normal_velocity(*REAL), fake, sigma, generator)}
        samples = toy.of(generator, TOY.batch).detach()
        fake = normal_velocity(toy.fake[0], toy.fake[1].exp())
        sigma = levels(samples, 3.0, generator)
        return {"loss": velocity_loss(fake, samples, sigma, normal(samples.shape, generator, samples.device))}

    def batches(step: int) -> Iterator[int]:
        while True:
            yield step
            step += 1

    return Task(
        "toy", toy, batches, losses, lambda: ({}, Image.new("RGB", (1, 1))), lambda name: 2.0 if name == "fake" else 1.0
    )


def train_toy(folder: Path, plan: Plan = TOY, resume: bool = False) -> TrainingState:
    return train(toy_task(), plan, folder, resume=resume, deadline=math.inf, listen=lambda _: None)


@pytest.mark.slow
def test_a_generator_reaches_mean_and_variance_of_its_teacher(tmp_path: Path):
    """With a fake score that is learned beside it, by the project's own trainer."""
    mean, log_std = train_toy(tmp_path).average["student"]
    assert mean.item() == pytest.approx(REAL[0], abs=0.03)
    assert log_std.exp().item() == pytest.approx(REAL[1], rel=0.06)


def test_networks_that_take_turns_resume_to_the_same_bits(tmp_path: Path):
    """Also if one of them had no turn yet when the run was cut."""
    plan = replace(TOY, samples=12 * TOY.batch, checkpoint_seconds=0.0)
    whole = train_toy(tmp_path / "whole", plan)
    students = [cut_and_resumed(tmp_path / str(steps), plan, steps) for steps in (1, 5, 9)]
    for resumed in students:
        for name, parameter in whole.trained.items():
            assert torch.equal(resumed.trained[name], parameter)
            assert torch.equal(resumed.average[name], whole.average[name])


def cut_and_resumed(folder: Path, plan: Plan, steps: int) -> TrainingState:
    cut = replace(toy_task(), batches=lambda step: islice(toy_task().batches(step), steps))
    with pytest.raises(StopIteration):
        train(cut, plan, folder, resume=False, deadline=math.inf, listen=lambda _: None)
    return train_toy(folder, plan, resume=True)


@pytest.fixture(scope="module")
def worlds() -> list[SeenWorld]:
    return [RECIPE.sight(seed) for seed in (2, 5)]


@pytest.fixture
def seen(worlds: list[SeenWorld]) -> SceneBatch:
    return SceneBatch.of(worlds, torch.device("cpu")).views(3)


@pytest.fixture
def pupil() -> Pupil:
    pupil = Pupil(RECIPE.model, 0)
    begin_scenes(pupil)
    return pupil


def stage_task(pupil: Pupil, critics: Critics, worlds: list[SeenWorld], student_every: int) -> Task[list[SeenWorld]]:
    stage = replace(RECIPE.distil, student_every=student_every, window=2, plan=replace(RECIPE.distil.plan, batch=2))
    return distil.task(pupil, critics, stage, lambda _: repeat(worlds), worlds[:1], 3, torch.device("cpu"))


def reached(module: nn.Module) -> set[str]:
    """The parts to which a gradient has come."""
    return {name.partition(".")[0] for name, p in module.named_parameters() if p.grad is not None and p.grad.any()}


def test_each_turn_reaches_its_own_network_and_nothing_else(pupil: Pupil, worlds: list[SeenWorld]):
    for every, own in ((1, {"transformer", "recon_decoder"}), (2, {"fake"})):
        task = stage_task(pupil, Critics.of(pupil), worlds, every)
        task.losses(worlds, torch.Generator().manual_seed(0), 0.0)["loss"].backward()
        assert reached(task.module) == own
        task.module.zero_grad()
    assert not reached(pupil.vae)
    assert not reached(pupil.text_encoder)


def test_the_gradient_comes_to_gaussians_through_rasteriser_and_encoder(pupil: Pupil, seen: SceneBatch):
    """Without consistency nothing but rendered views can tell a Gaussian where to be and how opaque."""
    critics = Critics.of(pupil)
    head = pupil.recon_decoder.gs_head.requires_grad_(True)
    for parameter in critics.fake.parameters():
        parameter.data += 0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    stage = replace(RECIPE.distil, consistency=0.0)
    student_losses(pupil, critics, seen, torch.Generator().manual_seed(0), stage)["loss"].backward()
    gradient = head.get_parameter("gs_proj.bias").grad
    assert gradient is not None
    offsets_distance_opacity_scales = gradient.unflatten(0, (head.points, -1))[:, head.num_harmonics :][:, :7]
    assert offsets_distance_opacity_scales.all()
    assert not reached(critics.teacher)
    assert not reached(critics.fake)


def test_a_student_that_equals_its_fake_score_is_drawn_by_nothing(pupil: Pupil, seen: SceneBatch):
    """Teacher and fake score begin alike, so without guidance the first step has no direction yet."""
    losses = student_losses(
        pupil, Critics.of(pupil), seen, torch.Generator().manual_seed(0), replace(RECIPE.distil, guidance=1.0)
    )
    assert losses["matching"] == 0
    assert losses["consistency"] > 0


def test_consistency_is_the_mean_square_between_the_modes_of_one_pass(pupil: Pupil, seen: SceneBatch):
    critics, stage = Critics.of(pupil), RECIPE.distil
    with torch.no_grad():
        losses = student_losses(pupil, critics, seen, torch.Generator().manual_seed(3), stage)
        generator = torch.Generator().manual_seed(3)
        found, samples = generated(pupil, known(pupil, seen, generator, stage.image_drop), seen, generator)
    torch.testing.assert_close(losses["consistency"], (found.latents - samples).square().mean())
    torch.testing.assert_close(losses["loss"], losses["matching"] + 0.1 * losses["consistency"])


@pytest.mark.slow
def test_both_turns_learn_from_a_fixed_batch(pupil: Pupil, seen: SceneBatch):
    """The same batch, noise and step of generation each time: the fake score learns it, and the modes come together."""
    critics = Critics.of(pupil)
    for part in (pupil.transformer, pupil.recon_decoder):
        part.requires_grad_(True)
    student, fake = (
        torch.optim.AdamW([p for module in modules for p in module.parameters()], 1e-3)
        for modules in ((pupil.transformer, pupil.recon_decoder), (critics.fake,))
    )
    apart_only = replace(RECIPE.distil, consistency=1.0, guidance=1.0)
    histories: tuple[list[float], list[float]] = ([], [])
    for _ in range(6):
        # While the fake score equals the teacher, matching moves nobody.
        losses = student_losses(
            pupil, replace(critics, fake=critics.teacher), seen, torch.Generator().manual_seed(1), apart_only
        )
        step(student, losses["loss"])
        histories[0].append(losses["consistency"].item())
    for _ in range(6):
        losses = fake_losses(pupil, critics, seen, torch.Generator().manual_seed(1), apart_only)
        step(fake, losses["loss"])
        histories[1].append(losses["fake_velocity"].item())
    for history in histories:
        assert history[-1] < 0.9 * history[0], history


def step(optimiser: torch.optim.AdamW, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


@pytest.mark.slow
def test_the_teacher_stays_and_the_others_move(pupil: Pupil, worlds: list[SeenWorld], tmp_path: Path):
    critics = Critics.of(pupil)
    task = stage_task(pupil, critics, worlds, 2)
    before = copy.deepcopy(pupil)
    alive = []

    def listen(_entry: LogEntry) -> None:
        gc.collect()
        alive.append(sum(issubclass(type(thing), Tensor) for thing in gc.get_objects()))

    plan = Plan(samples=16, batch=2, rate=1e-3, warm_up=0, log_every=1, score_every=100)
    train(task, plan, tmp_path, resume=False, deadline=math.inf, listen=listen)

    assert_same(critics.teacher, before.transformer)
    assert all(parameter.grad is None for parameter in critics.teacher.parameters())
    assert_same(pupil.vae, before.vae)
    assert_same(pupil.text_encoder, before.text_encoder)
    for moved, was in (
        (pupil.transformer, before.transformer),
        (pupil.recon_decoder, before.recon_decoder),
        (critics.fake, before.transformer),
    ):
        assert any(not torch.equal(a, b) for a, b in zip(moved.parameters(), was.parameters(), strict=True))
    # Memory: once both have had their turns, steps leave no tensor behind.
    assert len(alive) == 9
    assert max(alive[4:8]) <= max(alive[:4])


def assert_same(one: nn.Module, other: nn.Module) -> None:
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("better", ["lift", "dual", "distil"])
def test_the_model_is_what_scores_best_not_what_was_trained_last(tmp_path: Path, better: str):
    # Not anchored: that would set opacities by itself.
    model, stage = replace(RECIPE.model, anchored=False), replace(RECIPE.dual, held_out=1)
    recipe = replace(RECIPE, model=model, dual=stage, stored=torch.int8)
    z = recipe.model.autoencoder.z_dim
    write_result(tmp_path / "autoencoder", {}, {"latents_mean": [0.0] * z, "latents_std": [1.0] * z})
    head = Pupil(recipe.model, 0).recon_decoder.gs_head.gs_proj
    for stage in ("lift", "dual", "distil"):
        bias = torch.zeros_like(head.get_parameter("bias")).unflatten(0, (2, -1))
        bias[:, 30] = 3.0 if stage == better else -9.0  # opacity: all is grey, or there is nothing but white
        bias[:, 34] = 1.0  # not turned
        tensors = {"weight": torch.zeros_like(head.weight), "bias": bias.flatten()}
        write_result(tmp_path / stage, {f"recon_decoder.gs_head.gs_proj.{k}": v for k, v in tensors.items()}, {})
    heard: list[LogEntry] = []
    with background(0) as executor:
        write_model(recipe, Place(tmp_path, torch.device("cpu"), executor, math.inf, heard.append), "distil")
    assert [entry.stage for entry in heard] == [f"model of stage {better}"]
    written = load(tmp_path / "model")
    assert written.trained
    matrix = load_file(tmp_path / "model" / "transformer.safetensors")["blocks.0.ffn.net.2.weight"]
    assert matrix.dtype == recipe.stored
    assert heard[0].values["novel_psnr"] > 9


def test_compiled_critics_are_no_pupils(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A copy of a compiled block would still be the block that was copied."""
    tried: list[Task] = []

    def trained(task: Task, plan: Plan, *_args: object, **_kwargs: object) -> TrainingState:
        tried.append(task)
        return TrainingState.fresh(task, plan)

    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(run, "train", trained)
    z = RECIPE.model.autoencoder.z_dim
    write_result(tmp_path / "autoencoder", {}, {"latents_mean": [0.0] * z, "latents_std": [1.0] * z})
    for stage in ("lift", "dual"):
        write_result(tmp_path / stage, {}, {})
    recipe = replace(RECIPE, distil=replace(RECIPE.distil, held_out=1, window=2))
    with background(0) as executor:
        place = Place(tmp_path, torch.device("cpu"), executor, math.inf, lambda _: None, compiled=True)
        run.run_distil(recipe, place, resume=False)
        worlds = [RECIPE.sight(training_seed(number)) for number in range(2)]
    (task,) = tried
    losses = task.losses(worlds, torch.Generator().manual_seed(0), 0.0)
    losses["loss"].backward()
    learning = {name.partition(".")[0] for name, p in task.module.named_parameters() if p.grad is not None}
    assert learning == {"fake"}
