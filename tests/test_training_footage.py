"""Training on folders of real scenes: what is read is what was written, and unknown distances teach nothing."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flashworld.apps.cli import flashworld
from flashworld.cameras import normalise
from flashworld.cameras.files import read_path, read_pictured, write_path
from flashworld.errors import FormatError
from flashworld.training import dual, lift, targets
from flashworld.training.beginnings import begin_scenes
from flashworld.training.data import Sight
from flashworld.training.footage import Footage, footage, stretch
from flashworld.training.measures import relative_error
from flashworld.training.pupil import Pupil
from flashworld.training.recipes import RECIPES, tiny_smoke
from flashworld.training.run import STAGES, Place, batches
from flashworld.training.scenes import SceneBatch, gaussians_of, known, predict
from flashworld.training.worlds import cast, make_world
from flashworld.training.worlds.files import write_world
from flashworld.training.worlds.seeds import Draw
from flashworld.weights import load

SIGHT = Sight(64, 96, num_views=3, num_extra=1)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes as `flashworld worlds` writes them."""
    folder = tmp_path_factory.mktemp("capture")
    for seed in (1, 2, 3):
        world = make_world(seed, aspect=1.5, num_views=6, num_extra=2)
        write_world(world, cast(world, 64, 96), folder / str(seed))
    return folder


@given(st.integers(0, 2**40), st.integers(1, 24), st.integers(0, 4), st.integers(0, 900))
def test_a_stretch_is_a_path_and_other_views_within_it(number: int, num_views: int, num_extra: int, more: int):
    num = num_views + num_extra + more
    views = stretch(Draw(number, "footage"), num, num_views, num_extra)
    path, extra = views[:num_views], views[num_views:]
    assert path == sorted(path)
    assert len(set(views)) == num_views + num_extra
    assert min(views) >= 0
    assert max(views) < num
    if num_views > 1:
        assert all(path[0] <= view <= path[-1] for view in extra)
        steps = [b - a for a, b in itertools.pairwise(path)]
        assert max(steps) - min(steps) <= 1


def test_a_sample_is_pictures_and_cameras_of_its_scene(capture: Path):
    learned, held_out = footage(capture, SIGHT)
    assert [path.name for path in held_out.scenes] == ["1"]
    assert [path.name for path in learned.scenes] == ["2", "3"]
    seen = learned(5)
    folder = capture / "3"
    views = stretch(Draw(5, "footage"), 8, 3, 1)
    pictures = [Image.open(folder / f"images/frame_{view + 1:05d}.png").tobytes() for view in views]
    assert [bytes(rgb.movedim(0, -1).flatten().tolist()) for rgb in seen.rgb] == pictures
    assert seen.caption == json.loads((folder / "world.json").read_text())["caption"]
    whole = read_path(folder / "transforms.json")
    wanted = normalise(whole[torch.tensor(views[:3])])[0]
    torch.testing.assert_close(seen.cameras[:3].positions, wanted.positions, atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.cameras[:3].rotations, wanted.rotations, atol=1e-5, rtol=0)
    assert torch.equal(learned(5).rgb, seen.rgb)
    assert any(not torch.equal(learned(n).rgb, seen.rgb) for n in (1, 3, 7))


def test_colmaps_folder_is_the_same_scene(capture: Path, tmp_path: Path):
    folder = capture / "2"
    write_path(read_path(folder / "transforms.json"), tmp_path / "2/sparse/0", 64, 96, "colmap")
    (tmp_path / "2/images_4").symlink_to(folder / "images")  # as DL3DV has them made smaller
    theirs, ours = (Footage((path,), SIGHT)(11) for path in (folder, tmp_path / "2"))
    assert torch.equal(theirs.rgb, ours.rgb)
    torch.testing.assert_close(theirs.cameras.vectors(), ours.cameras.vectors(), atol=1e-4, rtol=0)
    assert ours.caption == ""


def test_pictures_of_another_aspect_are_cut_with_their_cameras(capture: Path):
    square = Footage((capture / "2",), Sight(64, 64, 3, 1))(4)
    wide = Footage((capture / "2",), SIGHT)(4)
    assert torch.equal(square.rgb, wide.rgb[..., 16:80])
    torch.testing.assert_close(square.cameras.intrinsics[:, 0] * 64, wide.cameras.intrinsics[:, 0] * 96)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda scene: (scene / "images/frame_00001.png").unlink(), "frame_00001.png cannot be read"),
        (lambda scene: (scene / "images/frame_00001.png").write_bytes(b"no"), "frame_00001.png"),
        (lambda scene: (scene / "transforms.json").unlink(), "holds no cameras"),
        (lambda scene: (scene / "transforms.json").write_text("{}"), "no 'frames'"),
    ],
)
def test_what_is_wrong_with_a_scene_is_said(tmp_path: Path, spoil, said: str):
    world = make_world(2, num_views=3, num_extra=1)
    write_world(world, cast(world, 64, 64), tmp_path / "scene")
    read_pictured(tmp_path / "scene")
    spoil(tmp_path / "scene")
    with pytest.raises(FormatError, match=said) as caught:
        Footage((tmp_path / "scene",), SIGHT)(0)
    assert str(tmp_path) not in str(caught.value)


def test_too_few_pictures_and_too_few_scenes_are_refused(capture: Path, tmp_path: Path):
    with pytest.raises(FormatError, match="8 pictures; 10 are needed"):
        Footage((capture / "2",), Sight(64, 96, 8, 2))(0)
    with pytest.raises(FormatError, match="0 scenes"):
        footage(tmp_path, SIGHT)


@pytest.fixture(scope="module")
def real(capture: Path) -> SceneBatch:
    return SceneBatch.of([Footage((capture / "2",), SIGHT)(n) for n in range(2)], torch.device("cpu"))


def test_unknown_distances_teach_nothing():
    truth = torch.rand(1, 1, 4, 6, generator=torch.Generator().manual_seed(0)) + 1
    found = torch.full((1, 1, 2, 3, 2), 2.0, requires_grad=True)
    half = truth.clone()
    half[..., 3:] = 0  # the right half of the picture
    whole = targets.distance_loss(found[..., :1, :], truth[..., :2])
    torch.testing.assert_close(targets.distance_loss(found[..., :1, :], half[..., :2]), whole)
    targets.distance_loss(found, half).backward()
    assert found.grad is not None
    # Columns 0 1 | 2 3 | 4 5: of the middle cells the right point is unknown.
    assert (found.grad[0, 0] != 0).any(0).tolist() == [[True, True], [True, False], [False, False]]
    assert targets.distance_loss(found, torch.zeros_like(half)) == 0
    assert relative_error(2 * truth[0], half[0], 40).item() == pytest.approx(1)


def test_opacities_are_taught_where_the_first_view_alone_says_it(real: SceneBatch):
    """What another view may hide is unknown: only the first view's Gaussians are drawn to opaque."""
    pupil = Pupil(tiny_smoke().model, 0)
    begin_scenes(pupil)
    seen = real.views(3)
    with torch.no_grad():
        given = known(pupil, seen, torch.Generator().manual_seed(0))
        scenes = gaussians_of(pupil, predict(pupil.transformer, given, given.clean, torch.ones(2)), seen.cameras)
    opacities = scenes.opacities.clone().requires_grad_()
    loss = targets.opacity_loss(replace(scenes, opacities=opacities), seen)
    loss.backward()
    taught = (opacities.grad != 0).unflatten(1, (3, -1))
    assert taught[:, 0].all()
    assert not taught[:, 1:].any()


def test_both_stages_of_scenes_learn_from_real_pictures(real: SceneBatch):
    recipe = tiny_smoke()
    pupil = Pupil(recipe.model, 0)
    begin_scenes(pupil)
    dual.task(pupil, recipe.dual, lambda _: iter(()), [recipe.sight(2)], 3, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    for losses in (
        lift.lift_losses(pupil, real.views(1), generator, recipe.lift),
        dual.scene_losses(pupil, real, 3, generator, recipe.dual, progress=1.0),
    ):
        assert losses["log_distance"] == 0
        losses["loss"].backward()
        gradients = [p.grad for p in pupil.parameters() if p.grad is not None]
        assert gradients
        assert all(gradient.isfinite().all() for gradient in gradients)


def short(stage):
    """Two steps of two samples."""
    return replace(stage, plan=replace(stage.plan, samples=4, batch=2, log_every=1), window=2, renew=2, held_out=1)


@pytest.mark.slow
def test_a_folder_of_worlds_trains_every_stage(capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From the folder that `flashworld worlds` writes to a model, without anybody knowing a distance."""
    torch.set_num_threads(1)
    recipe = replace(tiny_smoke(), sight=SIGHT, statistics=1)
    stages = {name: short(getattr(recipe, name)) for name in STAGES}
    monkeypatch.setitem(RECIPES, "short", lambda: replace(recipe, **stages))
    words = ["train", "short", "--data", str(capture), "--output", str(tmp_path), "--device", "cpu"]
    ran = CliRunner().invoke(flashworld, words, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    logged = [json.loads(line)["values"] for line in (tmp_path / "lift/log.jsonl").read_text().splitlines()]
    assert [values["log_distance"] for values in logged if "loss" in values] == [0, 0]
    assert "abs_rel" not in logged[-1]
    assert load(tmp_path / "model").trained


def test_real_scenes_are_learned_from_where_worlds_are_stored_too(capture: Path):
    stored = [SIGHT(1)]
    with ThreadPoolExecutor(1) as executor:
        place = Place(capture, torch.device("cpu"), executor, 0.0, lambda _: None, data=capture, stored=stored)
        drawn = next(batches(SIGHT, place, 1, replace(tiny_smoke().lift, window=2))(0))
    assert len(drawn) == 2
    assert all(world is not stored[0] for world in drawn)
    assert not any(world.distance.any() for world in drawn)  # nobody knows distances of real scenes
