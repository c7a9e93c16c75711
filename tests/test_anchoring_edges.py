"""Outlines in predicted distances become steps, and surfaces stay as they are."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import avg_pool2d

from flashworld.anchoring.edges import JUMP, with_edges
from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays

HEIGHT, WIDTH = 48, 128
NEAR, FAR = 3.0, 15.0


def rays() -> torch.Tensor:
    """Where the pixels of a picture [row, column] look, two of them in a column for each."""
    camera = Cameras(torch.tensor([[1.0, 0, 0, 0]]), torch.zeros(1, 3), torch.tensor([[0.9, 1.2, 0.5, 0.5]]))
    return cast_rays(camera, HEIGHT, WIDTH)[1][0]


def to_plane(*normal: float) -> torch.Tensor:
    """Distances [1, row, column] of the plane through two units ahead; behind the horizon, 16 units."""
    towards = torch.tensor(normal)
    distance = -2 * towards[2] / (rays() @ towards)
    return torch.where((distance > 0) & (distance < 16), distance, 16.0)[None]


def step(dim: int, between: list[float]) -> torch.Tensor:
    """From near to far along rows (1) or columns (0), inverse distances in between at these shares of the way."""
    shares = torch.ones(HEIGHT, WIDTH)
    middle = shares.shape[dim] // 2
    shares.narrow(dim, 0, middle).fill_(0.0)
    for place, share in enumerate(between):
        shares.narrow(dim, middle - len(between) // 2 + place, 1).fill_(share)
    return 1 / torch.lerp(torch.tensor(1 / NEAR), torch.tensor(1 / FAR), shares)[None]


BLURS = {"rows": (1, [0.05, 0.2, 0.4, 0.7, 0.9]), "columns": (0, [0.15, 0.6]), "one pixel": (1, [0.5])}


@pytest.fixture(params=BLURS, ids=str)
def blurred(request: pytest.FixtureRequest) -> torch.Tensor:
    dim, shares = BLURS[request.param]
    return step(dim, shares)


def wood() -> torch.Tensor:
    """Distances [4, row, column] with round things at different depths before a slope, blurred."""
    generator = torch.Generator().manual_seed(0)
    row, column = torch.meshgrid(torch.arange(HEIGHT) * 2.0, torch.arange(WIDTH) * 1.0, indexing="ij")
    scenes = []
    for _ in range(4):
        distance = 12 - 0.1 * row
        for place in torch.rand(5, 3, generator=generator):
            inside = (row - place[0] * 96).hypot(column - place[1] * WIDTH) < 14
            distance = torch.where(inside, 2 + 3 * place[2], distance)
        scenes.append(distance)
    return avg_pool2d(torch.stack(scenes), (3, 5), stride=1, padding=(1, 2), count_include_pad=False)


@pytest.mark.parametrize("tilt", [0.0, 0.2, 1.0, 4.0])
@pytest.mark.parametrize("turned", [(1, 0), (0, 1), (-0.7, 0.7)], ids=str)
def test_a_plane_stays_as_it_is_however_steep(tilt: float, turned: tuple[float, float]):
    """Up to its horizon too, where its distances double from one pixel to the next before they end."""
    distance = to_plane(tilt * turned[0], tilt * turned[1], 1.0)
    assert torch.equal(with_edges(distance), distance)


def test_such_a_plane_changes_more_from_pixel_to_pixel_than_an_outline_must():
    """So it is no threshold that it passes by."""
    assert to_plane(0.0, 4.0, 1.0).log().diff(dim=1).abs().amax() > math.log(JUMP)


def test_planes_that_meet_stay_as_they_are():
    """A wall that stands on the ground, and a corner that points at the camera."""
    ground, wall = to_plane(0.0, 1.5, 1.0), to_plane(0.0, 0.0, 1.0)
    corner = torch.maximum(to_plane(0.8, 0.0, 1.0), to_plane(-0.8, 0.0, 1.0))
    for distance in (torch.minimum(ground, wall), torch.maximum(ground, wall), corner):
        torch.testing.assert_close(with_edges(distance), distance)


def test_a_blurred_step_becomes_a_step(blurred: torch.Tensor):
    after = with_edges(blurred)
    assert (((after / NEAR - 1).abs() < 0.05) | ((after / FAR - 1).abs() < 0.05)).all()
    assert (((blurred / NEAR - 1).abs() > 0.15) & ((blurred / FAR - 1).abs() > 0.15)).any()


def test_a_step_stays_a_step():
    for dim in (0, 1):
        torch.testing.assert_close(with_edges(step(dim, [])), step(dim, []))


def test_a_pole_before_the_sky_is_kept():
    distance = torch.full((1, HEIGHT, WIDTH), FAR)
    distance[:, :, 60:63] = NEAR
    torch.testing.assert_close(with_edges(distance), distance)


@pytest.mark.parametrize("scale", [0.01, 300.0])
def test_distances_scaled_are_results_scaled(scale: float):
    torch.testing.assert_close(with_edges(scale * wood()), scale * with_edges(wood()))


def test_a_batch_is_each_of_its_pictures():
    distance = wood()
    assert not torch.equal(with_edges(distance), distance)
    assert torch.equal(with_edges(distance), torch.cat([with_edges(one[None]) for one in distance]))


MIRRORS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "left and right": lambda distance: distance.flip(2),
    "up and down": lambda distance: distance.flip(1),
}


@pytest.mark.parametrize("mirror", MIRRORS)
def test_a_mirrored_picture_has_mirrored_edges(mirror: str):
    mirrored = MIRRORS[mirror]
    torch.testing.assert_close(with_edges(mirrored(wood())), mirrored(with_edges(wood())))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (240, 704)], ids=str)
def test_pictures_of_any_size_have_edges(size: tuple[int, int]):
    assert with_edges(torch.full((1, *size), 2.0)).equal(torch.full((1, *size), 2.0))


def test_gradients_keep_their_size(blurred: torch.Tensor):
    """At an outline they go to the side taken, and are no larger for its slope being carried on."""
    distance = blurred.clone().requires_grad_()
    with_edges(distance).log().sum().backward()
    assert distance.grad is not None
    shares = (distance.grad * distance.detach()).abs().sum() / distance.numel()
    torch.testing.assert_close(shares, torch.tensor(1.0), atol=0.05, rtol=0)
