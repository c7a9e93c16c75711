"""What a job is expected to take, how far it is, and the light copy shown meanwhile: arithmetic on its own."""

from dataclasses import replace

import pytest
import torch

from flashworld.gaussians import Gaussians
from flashworld.jobs import Job
from flashworld.jobs.job import Amounts, JobProgress
from flashworld.jobs.making import PREVIEW_GAUSSIANS
from flashworld.jobs.outlook import expected_ends
from flashworld.jobs.pace import STAGES_OF_A_STEP, Pace
from flashworld.jobs.preview import lightened
from flashworld.models.config import TINY
from flashworld.planner.arithmetic import Size, num_gaussians


def measured(seconds: dict[str, float], work: int, filmed: int) -> Job:
    names = (
        "number",
        "id",
        "name",
        "state",
        "place",
        "client",
        "created_at",
        "started_at",
        "finished_at",
        "removed_at",
    )
    return Job(*[None] * (len(names) + 12), work=work, filmed=filmed, seconds=seconds, trained=True)  # pyright: ignore


def test_the_pace_is_the_median_of_what_was_measured():
    runs = [measured({"denoise": 2.0 * t, "film": 30.0}, 100 * t, 10) for t in (1, 2, 50)]
    runs.append(measured({"denoise": 999.0}, 1, 10))
    pace = Pace.of_runs(runs)
    assert pace.seconds(Amounts(200, 20)) == pytest.approx(4.0 + 60.0)
    assert Pace.of_runs([]).seconds(Amounts(1, 1)) is None


def test_the_fraction_goes_from_nothing_to_all_and_never_back():
    for pace in (Pace({}), Pace({"prepare": 1.0, "denoise": 8.0, "decode": 1.0, "write": 2.0, "film": 3.0})):
        walk = [JobProgress("prepare", None, 4, done, 2) for done in range(3)]
        for step in range(4):
            walk += [JobProgress(s, step, 4, done, 3) for s in STAGES_OF_A_STEP for done in range(4)]
        walk += [JobProgress(stage, None, 4, done, 2) for stage in ("write", "film") for done in range(3)]
        fractions = [pace.fraction(progress, Amounts(10, 10)) for progress in walk]
        assert fractions == sorted(fractions)
        assert (fractions[0], fractions[-1]) == (0.0, pytest.approx(1.0))


def test_the_expected_end_shares_the_queue_among_the_workers():
    pace = Pace({"denoise": 1.0})
    jobs = {name: replace(measured({}, work, 0), id=name) for name, work in zip("abcd", (10, 4, 3, 5), strict=True)}
    ends = expected_ends(pace, [jobs["a"]], {"a": 0.5}, [jobs["b"], jobs["c"], jobs["d"]], 2)
    assert ends == {"a": 5.0, "b": 4.0, "c": 7.0, "d": 10.0}


def test_a_light_copy_covers_as_much_and_keeps_what_is_large():
    generator = torch.Generator().manual_seed(0)
    num = 20_000
    scales = 0.01 * torch.rand(num, 3, generator=generator) + 0.001
    scales[777] = 0.5
    means = torch.randn(num, 3, generator=generator)
    means[777] = torch.tensor([0.0, 0.0, 3.0])
    turned = torch.nn.functional.normalize(torch.randn(num, 4, generator=generator), dim=-1)
    scene = Gaussians(means, turned, scales, torch.full((num,), 0.5), torch.zeros(num, 1, 3))
    scene.opacities[5] = 0.0
    eye = torch.tensor([0.0, 0.0, -9.0])
    light = lightened(scene, 2000, eye)
    assert 1000 < len(light) <= 2000
    large = (light.means == means[777]).all(-1)
    assert light.scales[large].tolist() == [[0.5, 0.5, 0.5]]
    rest = torch.arange(num) != 777
    assert covered(light[~large], eye) == pytest.approx(covered(scene[rest], eye), rel=0.1)
    assert len(lightened(scene, num, eye)) == num - 1, "what fits is left as it is, but for what nobody sees"


def test_a_scene_of_tiny_is_sent_as_it_is():
    """Sampled by size, the lining behind its picture would take the place of half of the picture."""
    assert num_gaussians(TINY, Size(*TINY.native)) <= PREVIEW_GAUSSIANS


def test_a_backdrop_does_not_take_the_place_of_what_stands_before_it():
    """It is large and far: to the eye about as much as everything else together."""
    generator = torch.Generator().manual_seed(0)
    near = torch.rand(5000, 3, generator=generator) - torch.tensor([0.5, 0.5, 2.0])
    far = 40 * (torch.rand(500, 3, generator=generator) * torch.tensor([1.0, 1.0, 0.0]) - torch.tensor([0.5, 0.5, 1.0]))
    scales = torch.cat([torch.full((5000, 3), 0.01), torch.full((500, 3), 1.0)])
    turned = torch.tensor([[1.0, 0, 0, 0]]).expand(5500, 4)
    scene = Gaussians(torch.cat([near, far]), turned, scales, torch.full((5500,), 0.9), torch.zeros(5500, 1, 3))
    light = lightened(scene, 1000, torch.zeros(3))
    assert (light.scales[:, 0] < 0.1).sum() > 300


def covered(scene: Gaussians, eye: torch.Tensor) -> float:
    """Opacity times the largest cross-section, as the eye sees it, summed."""
    angles = scene.scales.sort(dim=-1).values / (scene.means - eye).norm(dim=-1, keepdim=True)
    return float((scene.opacities * angles[:, 1:].prod(-1)).sum())
