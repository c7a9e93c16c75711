"""The ray casters: formulas against slow searches, and where there is a GPU, its pictures against the processor's."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from flashworld.errors import BackendError
from flashworld.training.worlds import cast, cast_batch, make_world
from flashworld.training.worlds.shapes import (
    MISS,
    box_distance,
    box_hit,
    ellipsoid_distance,
    ellipsoid_hit,
    frustum_distance,
    frustum_hit,
)
from flashworld.training.worlds.textures import noise, scatter

ONE = torch.ones((), dtype=torch.float64)
SHAPES = {
    "ellipsoid": (lambda o, d: ellipsoid_hit(*o, *d), lambda p: ellipsoid_distance(*p, ONE, ONE, ONE)),
    "box": (
        lambda o, d: box_hit(*o, *d, 0 * ONE, 0 * ONE),
        lambda p: box_distance(*p, ONE, ONE, ONE, 0 * ONE, 0 * ONE),
    ),
    "gable": (lambda o, d: box_hit(*o, *d, 0 * ONE, ONE), lambda p: box_distance(*p, ONE, ONE, ONE, 0 * ONE, ONE)),
    "pyramid": (lambda o, d: box_hit(*o, *d, ONE, ONE), lambda p: box_distance(*p, ONE, ONE, ONE, ONE, ONE)),
    "cylinder": (lambda o, d: frustum_hit(*o, *d, 0 * ONE), lambda p: frustum_distance(*p, ONE, ONE, 0 * ONE)),
    "bucket": (lambda o, d: frustum_hit(*o, *d, 0.4 * ONE), lambda p: frustum_distance(*p, ONE, ONE, 0.4 * ONE)),
    "cone": (lambda o, d: frustum_hit(*o, *d, ONE), lambda p: frustum_distance(*p, ONE, ONE, ONE)),
}


def rays(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rays from all around, most of them towards the middle."""
    generator = torch.Generator().manual_seed(0)
    origins = 4 * torch.nn.functional.normalize(torch.randn(3, num, generator=generator, dtype=torch.float64), dim=0)
    targets = torch.rand(3, num, generator=generator, dtype=torch.float64) * 3 - 1.5
    return origins, torch.nn.functional.normalize(targets - origins, dim=0)


@pytest.mark.parametrize("name", SHAPES)
def test_a_ray_meets_a_shape_where_marching_enters_it(name: str):
    hit, distance = SHAPES[name]
    origins, directions = rays(500)
    t = hit(origins, directions)
    steps = torch.linspace(0, 8, 4001, dtype=torch.float64)[:, None]
    inside = distance([o + steps * d for o, d in zip(origins, directions, strict=True)]) < 0
    entered = torch.where(inside.any(0), steps[inside.int().argmax(0), 0], MISS)
    met = (t < MISS) & (entered < MISS)
    assert met.sum() > 80
    assert ((t < MISS) == (entered < MISS)).float().mean() > 0.99  # marching may step over a corner
    assert (entered - t)[met].min() > -1e-9
    assert (entered - t)[met].max() < 0.01


def test_cells_scatter_evenly_and_noise_is_smooth():
    x, y = torch.meshgrid(torch.arange(200.0), torch.arange(200.0), indexing="ij")
    values = scatter(x, y, 0 * x, 3)
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.std() - 12**-0.5) < 0.01
    assert abs(torch.corrcoef(torch.stack([values[1:].flatten(), values[:-1].flatten()]))[0, 1]) < 0.02
    line = torch.linspace(0, 10, 10001)
    assert noise(line, 0 * line + 0.3, 0 * line, 1).diff().abs().max() < 0.003


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_gpu_gives_the_same_pictures():
    worlds = [make_world(seed) for seed in (300, 301, 302)]
    batch = cast_batch(worlds, 96, 128)
    for index, world in enumerate(worlds):
        one = cast(world, 96, 128)
        apart = (one.distance - batch.distance[index].cpu()).abs() / one.distance
        assert (apart > 1e-3).float().mean() < 1e-3
        difference = (one.rgb - batch.rgb[index].cpu()).abs()
        assert difference.mean() < 1e-3
        assert (difference > 0.05).float().mean() < 2e-3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_said_in_words():
    with pytest.raises(BackendError, match="--device cpu"):
        cast_batch([make_world(300)], 24, 32)


def test_a_view_does_not_depend_on_the_tiles():
    """Lists of candidates spare work and change nothing: a picture cut out of a larger field of view is the same."""
    world = make_world(11, num_views=2, num_extra=0)
    whole = cast(world, 32, 48).distance[0].numpy()
    camera = world.cameras.intrinsics.clone()
    camera[:, 0] *= 48 / 33
    camera[:, 2] = 24 / 33
    cut = replace(world, cameras=replace(world.cameras, intrinsics=camera))
    np.testing.assert_allclose(cast(cut, 32, 33).distance[0].numpy(), whole[:, :33], rtol=1e-4)
