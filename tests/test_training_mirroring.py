"""Mirrored worlds are worlds: their pictures, distances and cameras belong together as before."""

from dataclasses import replace

import pytest
import torch

from flashworld.cameras.rays import cast_rays
from flashworld.training.mirroring import mirrored
from flashworld.training.recipes import tiny_smoke
from flashworld.training.scenes import SceneBatch

BOTH = torch.tensor([True, False])


@pytest.fixture(scope="module")
def batch() -> SceneBatch:
    """Two worlds whose pictures' centres are off the middle."""
    sight = tiny_smoke().sight
    worlds = SceneBatch.of([sight(seed) for seed in (6, 7)], torch.device("cpu"))
    intrinsics = worlds.cameras.intrinsics.clone()
    intrinsics[..., 2] = 0.4
    return replace(worlds, cameras=replace(worlds.cameras, intrinsics=intrinsics))


def points(batch: SceneBatch) -> torch.Tensor:
    """What each pixel of each view shows, in the world."""
    origins, directions = cast_rays(batch.cameras, *batch.distance.shape[-2:])
    return origins + batch.distance[..., None] * directions


def test_surfaces_are_where_the_mirror_shows_them(batch: SceneBatch):
    found, before = points(mirrored(batch, BOTH)), points(batch)
    expected = before[0].flip(-2) * torch.tensor([-1.0, 1, 1])
    torch.testing.assert_close(found[0], expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(found[1], before[1])


def test_twice_mirrored_is_as_before(batch: SceneBatch):
    again = mirrored(mirrored(batch, BOTH), BOTH)
    assert torch.equal(again.rgb, batch.rgb)
    torch.testing.assert_close(again.cameras.vectors(), batch.cameras.vectors())
    assert again.captions == batch.captions


def test_words_change_sides():
    sides = ["a lamp on the left and a chair on the right", "a lamp on the left"]
    batch = SceneBatch.of([tiny_smoke().sight(seed) for seed in (6, 7)], torch.device("cpu"))
    found = mirrored(replace(batch, captions=sides), BOTH).captions
    assert found == ["a lamp on the right and a chair on the left", "a lamp on the left"]
