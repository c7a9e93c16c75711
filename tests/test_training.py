"""Training: resuming changes nothing, the arithmetic of schedules, beginnings, losses whose optimum is known."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

from flashworld.apps.cli import flashworld
from flashworld.cameras import Cameras
from flashworld.errors import WeightsError
from flashworld.training import autoencoder, dual, lift, targets
from flashworld.training.beginnings import begin_scenes
from flashworld.training.checkpoints import read_checkpoint, read_result, write_checkpoint, write_result
from flashworld.training.components import Components
from flashworld.training.data import SeenWorld, in_order, windows
from flashworld.training.measures import pooled_psnr, psnr, ssim
from flashworld.training.pictures import pink_noise, varied
from flashworld.training.pupil import Pupil, load_tensors, with_latent_scale
from flashworld.training.recipes import RECIPES, tiny_smoke
from flashworld.training.run import DRAWN, STAGES, pupil_with_pictures, run, training_world
from flashworld.training.scenes import SceneBatch, gaussians_of, known, predict
from flashworld.training.trainer import Listen, LogEntry, Plan, Task, TrainingState, average_in, averaged, train
from flashworld.training.worlds import held_out_seed
from flashworld.weights import load

RECIPE = tiny_smoke()
PLAN = Plan(samples=24, batch=4, rate=1e-2, warm_up=8, half_life=8, log_every=1, score_every=2)


def line_task(seed: int = 0) -> Task[int]:
    """Fitting a line; noise comes from the step's generator, data from the step's number."""
    torch.manual_seed(seed)
    module = nn.Linear(3, 1)

    def batches(step: int) -> Iterator[int]:
        while True:
            yield step
            step += 1

    def losses(batch: int, generator: torch.Generator, progress: float) -> dict[str, torch.Tensor]:
        x = torch.randn(4, 3, generator=generator) + batch
        return {"loss": (module(x) - x.sum(1, keepdim=True)).square().mean() * (1 + progress)}

    def score() -> tuple[dict[str, float], Image.Image]:
        return {"weight": module.weight.sum().item()}, Image.new("RGB", (1, 1))

    return Task("line", module, batches, losses, score)


def train_line(folder: Path, steps: int | None = None, resume: bool = False, seed: int = 0) -> TrainingState:
    """Train all of `PLAN`, or so many steps of it."""
    task = line_task(seed)
    heard: list[LogEntry] = []
    deadline = float("inf")
    if steps is not None:
        left = steps

        def batches(step: int) -> Iterator[int]:
            yield from islice(line_task().batches(step), left)

        task = replace(task, batches=batches)
        with pytest.raises(StopIteration):
            train(
                task, replace(PLAN, checkpoint_seconds=0), folder, resume=resume, deadline=deadline, listen=heard.append
            )
        return TrainingState.fresh(task, PLAN)
    return train(task, PLAN, folder, resume=resume, deadline=deadline, listen=heard.append)


def test_a_run_that_is_cut_and_resumed_ends_with_the_same_bits(tmp_path: Path):
    whole = train_line(tmp_path / "whole")
    train_line(tmp_path / "cut", steps=2)
    resumed = train_line(tmp_path / "cut", resume=True, seed=5)
    assert resumed.step == whole.step == 6
    for name, parameter in whole.trained.items():
        assert torch.equal(parameter, resumed.trained[name])
        assert torch.equal(whole.average[name], resumed.average[name])
    a, b = ((tmp_path / name / "checkpoint.safetensors").read_bytes() for name in ("whole", "cut"))
    assert a == b


def test_the_log_of_a_resumed_run_has_every_step_once(tmp_path: Path):
    train_line(tmp_path, steps=3)
    train_line(tmp_path, resume=True)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line["values"]] == [1, 2, 3, 4, 5, 6]


def test_a_passed_deadline_stops_before_the_first_step_and_leaves_a_checkpoint(tmp_path: Path):
    state = train(line_task(), PLAN, tmp_path, resume=False, deadline=time.monotonic(), listen=lambda _: None)
    assert state.step == 0
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_resumed_moments_lie_in_memory_as_their_parameters_do(tmp_path: Path):
    """Fused optimisers go through both in step and do not look."""

    def fresh() -> TrainingState:
        torch.manual_seed(0)
        module = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        return TrainingState.fresh(replace(line_task(), module=module), PLAN)

    state, resumed = fresh(), fresh()
    for parameter in state.trained.values():
        parameter.grad = torch.randn_like(parameter)
    state.optimiser.step()
    write_checkpoint(tmp_path / "c.safetensors", state)
    read_checkpoint(tmp_path / "c.safetensors", resumed)
    for name, parameter in resumed.trained.items():
        moments = resumed.optimiser.state[parameter]
        for key in ("exp_avg", "exp_avg_sq"):
            assert moments[key].stride() == parameter.stride()
            assert torch.equal(moments[key], state.optimiser.state[state.trained[name]][key])


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path):
    write_checkpoint(tmp_path / "c.safetensors", TrainingState.fresh(line_task(), PLAN))
    other = TrainingState.fresh(replace(line_task(), module=nn.Linear(4, 1)), PLAN)
    with pytest.raises(WeightsError, match="other networks"):
        read_checkpoint(tmp_path / "c.safetensors", other)


def test_the_rate_rises_linearly_then_falls_as_a_cosine():
    plan = Plan(samples=1100, batch=10, rate=2.0, warm_up=100, final_rate=0.1)
    assert plan.rate_at(0) == pytest.approx(2.0 * 10 / 110)
    assert plan.rate_at(100) == pytest.approx(2.0)
    assert plan.rate_at(600) == pytest.approx(2.0 * 0.55)
    assert plan.rate_at(1100) == pytest.approx(0.2)
    assert plan.rate_at(600) == replace(plan, batch=50).rate_at(600)


def test_averages_follow_their_formula_and_halve_in_the_half_life():
    state = TrainingState.fresh(line_task(), PLAN)
    before = state.average["weight"].clone()
    with torch.no_grad():
        state.trained["weight"].add_(1.0)
    average_in(state, 0.75)
    torch.testing.assert_close(state.average["weight"], before + 0.25)
    with averaged(state):
        torch.testing.assert_close(state.trained["weight"], before + 0.25)
    torch.testing.assert_close(state.trained["weight"], before + 1.0)
    plan = Plan(samples=10, batch=5, rate=1.0, warm_up=0, half_life=50)
    assert plan.keep_at(10**6) ** 10 == pytest.approx(0.5)
    assert plan.keep_at(0) == pytest.approx(0.1)


def test_results_travel_in_small_files(tmp_path: Path):
    tensors = {f"w{i}": torch.full((100,), float(i)) for i in range(5)}
    write_result(tmp_path, tensors, {"step": 3}, shard_bytes=450)
    assert len(list(tmp_path.glob("weights-*.safetensors"))) == 3
    read, facts = read_result(tmp_path)
    assert facts == {"step": 3}
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


def test_background_work_comes_in_order_and_windows_depend_on_the_step_alone():
    def slow(index: int) -> int:
        time.sleep(0.02 if index % 2 else 0.0)
        return index

    with ThreadPoolExecutor(4) as executor:
        assert list(islice(in_order(slow, 3, executor, ahead=5), 6)) == [3, 4, 5, 6, 7, 8]
    endless = lambda first: iter(range(first, first + 100))  # noqa: E731
    straight = list(islice(windows(endless, 0, renew=3, size=4), 12))
    assert straight[0] == [0, 1, 2, 3]
    assert straight[3] == [1, 2, 3, 4]
    for step in range(12):
        assert next(windows(endless, step, renew=3, size=4)) == straight[step]


def test_no_stage_can_draw_a_held_out_world():
    longest = max(
        stage.plan.steps
        for recipe in (make() for make in RECIPES.values())
        for stage in (recipe.autoencoder, recipe.lift, recipe.dual, recipe.distil)
    )
    assert longest < DRAWN
    assert len(STAGES) * DRAWN < held_out_seed(0)
    with pytest.raises(ValueError, match="training world"):
        training_world(RECIPE.sight, held_out_seed(0))


def test_pictures_of_worlds_vary_but_keep_their_range():
    views = torch.randint(0, 256, (6, 3, 16, 24), dtype=torch.uint8)
    made = varied(views, torch.Generator().manual_seed(0))
    assert made.shape == (6, 3, 16, 24)
    assert made.abs().max() <= 1
    assert torch.equal(made, varied(views, torch.Generator().manual_seed(0)))
    assert not torch.equal(made, varied(views, torch.Generator().manual_seed(1)))


def test_power_of_noise_pictures_falls_with_frequency():
    noise = pink_noise(8, 64, 64, torch.Generator().manual_seed(0))
    power = torch.fft.fft2(noise).abs().square().mean(dim=(0, 1))
    # Amplitude 1/f: a quarter of the power an octave up.
    assert power[0, 16] / power[0, 8] == pytest.approx(0.25, rel=0.5)
    torch.testing.assert_close(noise.std(dim=(1, 2, 3)), torch.full((8,), 0.4))


def test_measures_have_the_values_of_their_definitions():
    a = torch.full((1, 3, 16, 16), 0.5)
    assert psnr(a, a + 0.1).item() == pytest.approx(20.0, abs=1e-4)
    two = torch.stack([a[0], a[0] + 0.1])
    # Half of the error of one: 3 dB more. The mean over views would be beyond 50 dB.
    assert pooled_psnr(two, a.expand(2, -1, -1, -1)).item() == pytest.approx(20.0 + 3.0103, abs=1e-3)
    b = torch.rand(1, 3, 16, 16)
    assert ssim(b, b).item() == pytest.approx(1.0)
    assert ssim(b, 1 - b).item() < 0.1


@pytest.fixture(scope="module")
def worlds() -> list[SeenWorld]:
    return [RECIPE.sight(seed) for seed in (2, 5)]


@pytest.fixture
def pupil() -> Pupil:
    return Pupil(RECIPE.model, 0)


@pytest.fixture
def batch(worlds: list[SeenWorld]) -> SceneBatch:
    return SceneBatch.of(worlds, torch.device("cpu"))


@pytest.mark.slow
def test_the_autoencoder_learns_fixed_pictures(pupil: Pupil, worlds: list[SeenWorld]):
    autoencoder.task(pupil, RECIPE.autoencoder, lambda _: repeat(worlds), worlds, worlds, torch.device("cpu"))
    optimiser = torch.optim.AdamW([p for p in pupil.parameters() if p.requires_grad], 3e-3)
    pictures = worlds[0].rgb[:2].float() / 127.5 - 1
    values = []
    for step in range(40):
        losses = autoencoder.autoencoder_losses(
            pupil, pictures, None, torch.Generator().manual_seed(step), RECIPE.autoencoder
        )
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
        values.append(losses["charbonnier"].item())
    assert sum(values[-3:]) < 0.5 * sum(values[:3])


def test_linear_codes_are_standard_and_give_back_what_they_can(worlds: list[SeenWorld]):
    pictures = torch.cat([world.rgb for world in worlds]).float() / 127.5 - 1
    some, all_ = (Components.of(pictures, num) for num in (24, 96))
    codes = some.codes(pictures)
    torch.testing.assert_close(codes.mean(dim=(0, 2, 3)), torch.zeros(24), atol=1e-4, rtol=0)
    flat = codes.movedim(1, -1).flatten(0, 2)
    torch.testing.assert_close(flat.T @ flat / len(flat), torch.eye(24), atol=1e-3, rtol=0)
    # Of 96 cells 96 components say everything; of 24 what is left out is what the others would say.
    torch.testing.assert_close(all_.pictures(all_.codes(pictures)), pictures, atol=1e-3, rtol=0)
    lost = (some.pictures(codes) - pictures).square().sum() / len(flat)
    assert lost.item() == pytest.approx(all_.deviations[24:].square().sum().item(), rel=1e-3)


def test_taught_codes_move_detail_into_latents_and_pictures(pupil: Pupil, worlds: list[SeenWorld]):
    """The gradient reaches the decoder through codes even where the encoder says nothing at all."""
    autoencoder.task(pupil, RECIPE.autoencoder, lambda _: repeat(worlds), worlds, worlds, torch.device("cpu"))
    pupil.vae.quant_conv.weight.data.zero_()
    pictures = worlds[0].rgb.float() / 127.5 - 1
    components = Components.of(pictures, 48)
    losses = autoencoder.autoencoder_losses(
        pupil, pictures, components.codes(pictures), torch.Generator().manual_seed(0), RECIPE.autoencoder
    )
    losses["loss"].backward()
    assert pupil.vae.quant_conv.weight.grad is not None
    assert losses["codes"].item() == pytest.approx(components.codes(pictures).square().mean().item(), rel=1e-4)


def test_the_decoder_of_scenes_decodes_pictures_where_features_are_zero(pupil: Pupil):
    latents = torch.randn(1, 48, 3, 4, generator=torch.Generator().manual_seed(0))
    assert pupil.decode_pictures(latents).shape == (1, 3, 48, 64)
    pupil.colour_out.weight.zero_()
    bias = torch.arange(12.0)
    pupil.colour_out.bias.copy_(bias)
    decoded = pupil.decode_pictures(latents)[0]
    # Channel 4 * colour + 2 * column + row.
    assert decoded[1, 0, 1] == 4 + 2
    assert decoded[2, 1, 0] == 8 + 1


def test_velocity_begins_as_noisy_minus_condition(pupil: Pupil, batch: SceneBatch):
    begin_scenes(pupil)
    with torch.no_grad():
        given = known(pupil, batch.views(1), torch.Generator().manual_seed(0))
        given = replace(given, latents=torch.randn(given.latents.shape, generator=torch.Generator().manual_seed(1)))
        noisy = torch.randn(given.clean.shape, generator=torch.Generator().manual_seed(2))
        velocity = predict(pupil.transformer, given, noisy, torch.ones(2)).velocity
    wanted = noisy - given.latents
    cosine = torch.nn.functional.cosine_similarity(velocity.flatten(), wanted.flatten(), dim=0)
    assert cosine > 0.99
    assert velocity.std() / wanted.std() == pytest.approx(1.0, abs=0.15)


def test_the_first_scene_has_the_autoencoders_colours(pupil: Pupil, batch: SceneBatch):
    """Column means of the decoded picture: point p is column p of each 2 x 2 patch."""
    begin_scenes(pupil)
    seen = batch.views(1)
    with torch.no_grad():
        given = known(pupil, seen, torch.Generator().manual_seed(0))
        found = replace(predict(pupil.transformer, given, given.clean, torch.ones(2)), latents=given.clean)
        scenes = gaussians_of(pupil, found, seen.cameras)
        pictures = pupil.decode_pictures(pupil.recon_decoder.scale.to_decoder(given.clean[:, :, 0]))
    columns = (pictures / 2 + 0.5).unflatten(-2, (-1, 2)).mean(-2).unflatten(-1, (-1, 2))
    colours = 0.5 + 0.28209479177387814 * scenes.harmonics[:, :, 0]
    torch.testing.assert_close(colours, columns.permute(0, 4, 2, 3, 1).flatten(1, 3), atol=1e-4, rtol=0)


def test_the_latent_scale_makes_latents_standard(pupil: Pupil, worlds: list[SeenWorld]):
    mean, std = autoencoder.latent_statistics(pupil, worlds)
    scaled = Pupil(with_latent_scale(RECIPE.model, mean, std), 0)
    load_tensors(scaled, dict(pupil.vae.named_parameters(prefix="vae")))
    pictures = torch.cat([world.rgb for world in worlds]).float() / 127.5 - 1
    with torch.no_grad():
        latents = scaled.vae(pictures).mean
    torch.testing.assert_close(latents.mean(dim=(0, 2, 3)), torch.zeros(48), atol=1e-3, rtol=0)
    torch.testing.assert_close(latents.std(dim=(0, 2, 3)), torch.ones(48), atol=1e-3, rtol=0)


def test_the_distance_loss_is_least_at_the_truth():
    truth = torch.rand(1, 1, 4, 6, generator=torch.Generator().manual_seed(0)).add(1).repeat_interleave(2, dim=-2)
    best = truth[:, :, ::2].unflatten(-1, (-1, 2))
    assert targets.distance_loss(best, truth) == 0
    for factor in (0.9, 1.1):
        assert targets.distance_loss(best * factor, truth).item() == pytest.approx(
            abs(torch.tensor(factor).log().item())
        )
    assert torch.equal(targets.picture_of_distances(best), truth)


def scene_at(distance: torch.Tensor, pupil: Pupil, seen: SceneBatch):
    """The first scene of a pupil, with every Gaussian moved along its ray to a distance."""
    with torch.no_grad():
        given = known(pupil, seen, torch.Generator().manual_seed(0))
        scenes = gaussians_of(
            pupil,
            replace(predict(pupil.transformer, given, given.clean, torch.ones(2)), latents=given.clean),
            seen.cameras,
        )
    far = targets.distances(scenes, seen)
    wanted = distance.unflatten(-2, (-1, 2))[..., 0, :].unflatten(-1, (-1, 2))
    share = (wanted / far).permute(0, 1, 4, 2, 3).flatten(1)
    return replace(scenes, means=scenes.means * share[..., None])


def test_distances_of_a_scene_are_those_of_its_gaussians(pupil: Pupil, batch: SceneBatch):
    begin_scenes(pupil)
    seen = batch.views(1)
    moved = scene_at(seen.distance, pupil, seen)
    # The rows of a patch differ, so the loss is not zero; but nothing nearer or farther is better.
    here = targets.distance_loss(targets.distances(moved, seen), seen.distance)
    for factor in (0.97, 1.03):
        other = targets.distance_loss(factor * targets.distances(moved, seen), seen.distance)
        assert here < other


def test_what_the_first_view_sees_is_seen_first(batch: SceneBatch):
    again = Cameras.from_vectors(batch.cameras.vectors()[:, [0, 0]])
    same = replace(batch, rgb=batch.rgb[:, [0, 0]], distance=batch.distance[:, [0, 0]], cameras=again)
    assert targets.seen_first(same)[:, 1].mean() > 0.999
    turned = torch.tensor([0.0, 0.0, 1.0, 0.0]).expand_as(again.quaternions)
    quaternions = torch.stack([again.quaternions[:, 0], turned[:, 0]], dim=1)
    behind = replace(same, cameras=replace(again, quaternions=quaternions))
    assert targets.seen_first(behind)[:, 1].sum() == 0


@pytest.mark.slow
def test_both_modes_and_the_lift_learn_a_fixed_batch(pupil: Pupil, batch: SceneBatch):
    begin_scenes(pupil)
    stage = replace(RECIPE.dual, image_drop=0.0)
    dual.task(pupil, stage, lambda _: iter(()), [RECIPE.sight(2)], 3, torch.device("cpu"))
    optimiser = torch.optim.AdamW([p for p in pupil.parameters() if p.requires_grad], 1e-3)
    values: dict[str, list[float]] = {"lift": [], "multiview": [], "scene": []}
    for _ in range(8):
        for name in values:
            generator = torch.Generator().manual_seed(1)
            losses = {
                "lift": lambda g: lift.lift_losses(pupil, batch.views(1), g, RECIPE.lift),
                "multiview": lambda g: dual.multiview_losses(pupil, batch.views(3), g, stage),
                "scene": lambda g: dual.scene_losses(pupil, batch, 3, g, stage, 1.0),
            }[name](generator)["loss"]
            optimiser.zero_grad()
            losses.backward()
            optimiser.step()
            values[name].append(losses.item())
    assert all(history[-1] < 0.85 * history[0] for history in values.values()), values


def short(stage):
    """Three steps of two samples, saved after each."""
    plan = replace(stage.plan, samples=6, batch=2, log_every=1, score_every=3, checkpoint_seconds=0.0)
    return replace(stage, plan=plan, window=2, renew=2, held_out=1)


SHORT = replace(
    RECIPE,
    autoencoder=short(RECIPE.autoencoder),
    lift=short(RECIPE.lift),
    dual=short(RECIPE.dual),
    distil=short(RECIPE.distil),
    statistics=1,
)


class PowerCutError(Exception):
    """What no program is asked about."""


def run_short(
    output: Path, resume: bool = False, minutes: float | None = None, listen: Listen = lambda _: None
) -> bool:
    torch.set_num_threads(1)
    return run(SHORT, output, resume=resume, minutes=minutes, device=torch.device("cpu"), processes=0, listen=listen)


@pytest.mark.slow
def test_a_recipe_cut_again_and_again_ends_with_the_same_model(tmp_path: Path):
    assert run_short(tmp_path / "whole")

    assert not run_short(tmp_path / "cut", minutes=0)
    for stage in ("autoencoder", "dual", "distil"):

        def cut(entry: LogEntry, stage: str = stage) -> None:
            if (entry.stage, entry.step) == (stage, 3):
                raise PowerCutError

        with pytest.raises(PowerCutError):
            run_short(tmp_path / "cut", resume=True, listen=cut)
    assert run_short(tmp_path / "cut", resume=True)

    files = sorted(path.name for path in (tmp_path / "whole" / "model").iterdir())
    assert len(files) == 5
    for name in files:
        assert (tmp_path / "whole/model" / name).read_bytes() == (tmp_path / "cut/model" / name).read_bytes(), name
    model = load(tmp_path / "whole" / "model")
    assert model.trained
    assert model.config.native == RECIPE.model.native
    assert model.config.autoencoder.latents_std != RECIPE.model.autoencoder.latents_std


def test_stages_need_the_ones_before_them(tmp_path: Path):
    with pytest.raises(WeightsError, match="train it first"):
        pupil_with_pictures(SHORT, tmp_path)


def test_what_the_command_does_not_know_is_named(tmp_path: Path):
    for arguments, said in ((["small"], "tiny, tiny-smoke"), (["tiny", "--stage", "lfit"], "lift, dual, distil")):
        ran = CliRunner().invoke(flashworld, ["train", *arguments, "--output", str(tmp_path)])
        assert ran.exit_code == 2
        assert said in ran.output


def test_a_stage_alone_waits_for_the_ones_before_it(tmp_path: Path):
    ran = CliRunner().invoke(flashworld, ["train", "tiny-smoke", "--stage", "lift", "--output", str(tmp_path)])
    assert ran.exit_code == 1
    assert "train it first" in ran.output
