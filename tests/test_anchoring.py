"""Anchoring: the given view is the picture at the scene's own distances, and nothing floats before it."""

from dataclasses import replace

import pytest
import torch
from einops import rearrange

from flashworld.anchoring import OPAQUE, AnchoredDecoder, anchored, anchored_batch, decoder_for
from flashworld.anchoring.beyond import REACH
from flashworld.anchoring.sight import beside, projected
from flashworld.cameras import Cameras, in_user_world
from flashworld.cameras.rays import cast_rays
from flashworld.conditioning import PictureAt
from flashworld.events import Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.geometry import Similarity, matrix_from_quaternion
from flashworld.geometry.harmonics import CONSTANT_HARMONIC
from flashworld.rendering import render

HEIGHT, WIDTH, VIEWS = 32, 48, 3
OWN = (HEIGHT // 2) * WIDTH
"""Gaussians that a decoder makes of each view; the picture becomes twice as many."""

LINING = slice((VIEWS + 1) * OWN, (VIEWS + 3) * OWN)
"""Where the lining is in an anchored scene; the backdrop follows."""


def cameras() -> Cameras:
    """Three cameras side by side, looking ahead."""
    return Cameras(
        quaternions=torch.tensor([[1.0, 0, 0, 0]]).expand(VIEWS, 4),
        positions=torch.tensor([[0.0, 0, 0], [0.2, 0, 0], [0.4, 0, 0]]),
        intrinsics=torch.tensor([[0.9, 1.35, 0.5, 0.5]]).expand(VIEWS, 4),
    )


def scene_at(distance: float) -> Gaussians:
    """Every view's Gaussians scattered on a sphere around its camera, half opaque."""
    generator = torch.Generator().manual_seed(0)
    towards = torch.randn(VIEWS * OWN, 3, generator=generator) * 0.3 - torch.tensor([0.0, 0, 1])
    means = distance * torch.nn.functional.normalize(towards, dim=-1)
    return Gaussians(
        means=means + cameras().positions.repeat_interleave(OWN, dim=0),
        quaternions=torch.tensor([[1.0, 0, 0, 0]]).expand(len(means), 4),
        scales=torch.full((len(means), 3), 0.02),
        opacities=torch.full((len(means),), 0.5),
        harmonics=torch.randn(len(means), 9, 3, generator=generator),
    )


def scene_of(distances: torch.Tensor) -> Gaussians:
    """The same, but the first view's Gaussians are at these distances [row, column] along its rays."""
    _, directions = cast_rays(cameras()[:1], HEIGHT // 2, WIDTH)
    own = rearrange(distances[..., None] * directions[0], "h (w p) c -> (p h w) c", p=2)
    scene = scene_at(2.0)
    return replace(scene, means=torch.cat([own, scene.means[OWN:]]))


def smooth_picture() -> torch.Tensor:
    ramp = torch.linspace(-0.8, 0.8, WIDTH).expand(HEIGHT, WIDTH)
    return torch.stack([ramp, -ramp, 0.5 * ramp.flip(0)])


@pytest.mark.parametrize("view", [0, 2])
def test_the_given_view_shows_the_picture(view: int):
    picture = PictureAt(smooth_picture(), view)
    scene = anchored(scene_at(2.0), cameras(), picture)
    shown = render(scene, cameras()[view : view + 1], HEIGHT, WIDTH).colour[0]
    inner = (slice(None), slice(3, -3), slice(3, -3))
    torch.testing.assert_close(shown[inner], (smooth_picture() / 2 + 0.5)[inner], atol=0.04, rtol=0)


def test_a_pixel_of_the_picture_keeps_its_edges_where_it_is_magnified():
    """Rows too, across the pairs that share a distance: means of two rows would be grey, 0.4 from the truth."""
    row, column = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    for along in (row + 1, column):
        stripes = torch.where(along % 4 < 2, 0.8, -0.8).expand(3, -1, -1)
        scene = anchored(scene_at(2.0), cameras(), PictureAt(stripes, 0))
        shown = render(scene, cameras()[:1], 4 * HEIGHT, 4 * WIDTH).colour[0, :, 16:-16, 16:-16]
        truth = (stripes / 2 + 0.5).repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)[:, 16:-16, 16:-16]
        assert (shown - truth).abs().mean() < 0.2


def test_no_grid_shows_where_a_wall_is_magnified():
    """A grey wall before black things, by which the gaps between its pixels would be seen."""
    scene = scene_at(2.0)
    behind = torch.cat([scene.means[:OWN], 4 * scene.means[OWN:]])
    black = torch.cat([scene.harmonics[:OWN], torch.full_like(scene.harmonics[OWN:, :1], -3.0).expand(-1, 9, -1)])
    after = anchored(
        replace(scene, means=behind, harmonics=black), cameras(), PictureAt(torch.zeros(3, HEIGHT, WIDTH), 0)
    )

    def unevenness(shown: Gaussians) -> torch.Tensor:
        middle = render(shown, cameras()[:1], 8 * HEIGHT, 8 * WIDTH).colour[0, :, 64:-64, 96:-96]
        return middle.max() - middle.min()

    opacities = after.opacities.clone()
    opacities[LINING] = 0
    assert unevenness(after) < 0.02
    assert unevenness(replace(after, opacities=opacities)) > 0.08


def test_the_lining_of_an_outline_is_the_farther_side():
    distances = torch.full((HEIGHT // 2, WIDTH), 6.0)
    distances[:, WIDTH // 2 :] = 2.0
    colours = torch.full((3, HEIGHT, WIDTH), 0.8)
    colours[..., WIDTH // 2 :] = -0.8
    after = anchored(scene_of(distances), cameras(), PictureAt(colours, 0))[LINING]
    far = after.means.norm(dim=-1).view(HEIGHT, WIDTH)
    shown = (0.5 + CONSTANT_HARMONIC * after.harmonics[:, 0]).view(HEIGHT, WIDTH, 3)
    inner, edge = slice(4, -4), WIDTH // 2
    assert (far[inner, :edge] / 6 - 1).abs().max() < 0.05, "up to the last corner that touches it"
    assert (far[inner, edge:] / 2 - 1).abs().max() < 0.05
    assert far[inner, :edge].min() > 6
    torch.testing.assert_close(shown[inner, :edge], torch.full_like(shown[inner, :edge], 0.9))


def test_pixels_lie_on_their_rays_whichever_way_the_surface_slants():
    """A plane that recedes to the right and upwards: seen from the camera, each Gaussian is in its pixel's middle."""
    camera = cameras()[:1]
    _, directions = cast_rays(camera, HEIGHT // 2, WIDTH)
    distances = 2 / (directions[0] @ torch.tensor([-0.5, -0.8, -1.0]))
    after = anchored(scene_of(distances), cameras(), PictureAt(smooth_picture(), 0))
    right, down, _ = projected(after.means[None, : 2 * OWN], camera)
    row, column = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    inner = slice(4, -4)
    assert (right[0].view(HEIGHT, WIDTH) * WIDTH - column)[inner, inner].abs().max() < 0.05
    assert (down[0].view(HEIGHT, WIDTH) * HEIGHT - row)[inner, inner].abs().max() < 0.2
    normals = matrix_from_quaternion(after.quaternions[: 2 * OWN])[..., 2].view(HEIGHT, WIDTH, 3)[inner, inner]
    plane = torch.nn.functional.normalize(torch.tensor([0.5, 0.8, 1.0]), dim=0)
    assert (normals @ plane).abs().min() > 0.999


def test_a_single_wrong_distance_is_no_speck():
    distances = torch.full((HEIGHT // 2, WIDTH), 2.0)
    distances[5, 7], distances[9, 20] = 0.5, 9.0
    after = anchored(scene_of(distances), cameras(), PictureAt(smooth_picture(), 0))
    torch.testing.assert_close(after.means[: 2 * OWN].norm(dim=-1), torch.full((2 * OWN,), 2.0), atol=3e-3, rtol=0)


@pytest.mark.parametrize("blurred", [False, True])
@pytest.mark.parametrize("dim", [0, 1])
def test_gaussians_do_not_reach_across_an_edge(dim: int, blurred: bool):
    """Nor does one halfway between the surfaces, as predictions have them, reach either."""
    distances = torch.full((HEIGHT // 2, WIDTH), 2.0)
    middle = distances.shape[dim] // 2
    distances.narrow(dim, middle, middle).fill_(8.0)
    if blurred:
        distances.narrow(dim, middle, 1).fill_(4.5)
    after = anchored(scene_of(distances), cameras(), PictureAt(smooth_picture(), 0))
    pixel = distances.repeat_interleave(2, dim=0).flatten() / (0.9 * WIDTH)
    assert (after.scales[: 2 * OWN].amax(dim=-1) < 1.7 * pixel).all()


def test_the_given_views_gaussians_keep_their_distances_or_take_the_constant_one():
    before = scene_at(2.0)
    for given, expected in ((None, 2.0), (3.5, 3.5)):
        after = anchored(before, cameras(), PictureAt(smooth_picture(), 1), given)
        own = slice(OWN, 3 * OWN)
        apart = (after.means[own] - cameras().positions[1]).norm(dim=-1)
        torch.testing.assert_close(apart, torch.full((2 * OWN,), expected), atol=3e-3, rtol=0)
        assert (after.opacities[own] == OPAQUE).all()
        assert torch.equal(after.means[:OWN], before.means[:OWN])
        assert torch.equal(after.means[3 * OWN : 4 * OWN], before.means[2 * OWN :])


def test_what_stands_before_the_surface_turns_clear_and_what_is_hidden_or_beside_opaque():
    scene = scene_at(2.0)
    ahead = [[0.0, 0, -2 * times] for times in (0.5, 1.05, 1.2, 2.0)]
    means = scene.means.clone()
    means[OWN : OWN + 6] = torch.tensor([*ahead, [5.0, 0, -1.0], [0.0, 0, 1.0]])
    after = anchored(replace(scene, means=means), cameras(), PictureAt(smooth_picture(), 0))
    expected = OPAQUE * torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    torch.testing.assert_close(after.opacities[2 * OWN : 2 * OWN + 6], expected)


def test_beyond_the_border_colours_go_over_from_the_pictures_to_the_models():
    """At the border they are the picture's; the farther, the less; within the picture they stay as they are."""
    camera, red = cameras()[:1], torch.tensor([1.0, -1, -1])[:, None, None].expand(3, HEIGHT, WIDTH)
    half = torch.atan(torch.tensor(0.5 / 0.9))
    angles = torch.tensor([-0.3, 1e-4, REACH, 2 * REACH, 2.5])
    sideways = half + angles
    scene = scene_at(2.0)
    means, harmonics = scene.means.clone(), torch.zeros_like(scene.harmonics)
    means[OWN : OWN + 5] = 4 * torch.stack([sideways.sin(), torch.zeros(5), -sideways.cos()], dim=-1)
    _, _, found = beside(means[None, OWN : OWN + 5], Cameras.from_vectors(camera.vectors()))
    torch.testing.assert_close(found[0], angles.clamp(min=0), atol=1e-4, rtol=0)
    after = anchored(replace(scene, means=means, harmonics=harmonics), cameras(), PictureAt(red, 0))
    shares = after.harmonics[2 * OWN : 2 * OWN + 5, 0, 0] * CONSTANT_HARMONIC / 0.5
    torch.testing.assert_close(shares, (-angles / REACH).exp() * (angles > 0), atol=3e-3, rtol=0)


SIDES = {
    "left": ([1.0, -1, -1], -1, 0),
    "right": ([-1.0, 1, -1], 1, 0),
    "up": ([-1.0, -1, 1], 0, 1),
    "down": ([1.0, 1, -1], 0, -1),
}
"""Colours of a picture's borders, and where they are: to the right and upwards."""


def four_borders() -> torch.Tensor:
    """A picture that is divided by its diagonals."""
    x = torch.linspace(-1, 1, WIDTH).expand(HEIGHT, WIDTH)
    y = torch.linspace(1, -1, HEIGHT)[:, None].expand(HEIGHT, WIDTH)
    colours = {name: torch.tensor(colour)[:, None, None] for name, (colour, _, _) in SIDES.items()}
    sideways = torch.where(x < 0, colours["left"], colours["right"])
    return torch.where(x.abs() > y.abs(), sideways, torch.where(y > 0, colours["up"], colours["down"]))


@pytest.mark.parametrize("side", SIDES)
def test_each_border_goes_on_at_its_own_side(side: str):
    """Into what is imagined there; and into the gaps, which a camera sees that backed off and turned a little."""
    colour, right, up = SIDES[side]
    truth = torch.tensor(colour) / 2 + 0.5
    scene, middle = scene_at(2.0), torch.tensor([0.0, 0, -1])
    towards = middle + torch.tensor([right * 0.62, up * 0.42, 0.0])
    means = torch.full_like(scene.means, 9.0)
    means[:OWN] = scene.means[:OWN]
    means[OWN] = 4 * towards
    harmonics = torch.zeros_like(scene.harmonics)
    after = anchored(replace(scene, means=means, harmonics=harmonics), cameras(), PictureAt(four_borders(), 0))
    found = 0.5 + CONSTANT_HARMONIC * after.harmonics[2 * OWN, 0]
    assert (found - truth).abs().max() < 0.1
    turn = torch.tensor(0.2)
    moved = Cameras(
        torch.stack([turn.cos(), up * turn.sin(), -right * turn.sin(), 0 * turn])[None],
        torch.tensor([[0.0, 0, 0.4]]),
        cameras().intrinsics[:1],
    )
    seen = render(after, moved, HEIGHT, WIDTH)
    assert seen.alpha.min() > 0.9
    edge = {"left": seen.colour[0, :, 12:20, 1], "right": seen.colour[0, :, 12:20, -2],
            "up": seen.colour[0, :, 1, 20:28], "down": seen.colour[0, :, -2, 20:28]}[side]  # fmt: skip
    assert (edge.mean(dim=1) - truth).abs().max() < 0.25


@pytest.mark.parametrize("constant", [None, 1.0, 30.0])
def test_nothing_stands_behind_the_backdrop(constant: float | None):
    scene = scene_at(2.0)
    far = replace(scene, means=torch.cat([scene.means[:OWN], 4 * scene.means[OWN:]]))
    after = anchored(far, cameras(), PictureAt(smooth_picture(), 0), constant)
    backdrop = after.means[LINING.stop :]
    assert len(backdrop) > 1000
    assert backdrop[:, 2].max() < after.means[: LINING.stop, 2].min()


def test_a_gaussian_at_the_end_of_the_world_leaves_the_backdrop_in_sight():
    scene = scene_at(2.0)
    means = scene.means.clone()
    means[-1] = torch.tensor([0.0, 0.0, -1e6])
    after = anchored(replace(scene, means=means), cameras(), PictureAt(smooth_picture(), 0))
    backed_off = replace(cameras()[:1], positions=torch.tensor([[0.0, 0.0, 0.4]]))
    assert render(after, backed_off, HEIGHT, WIDTH).alpha.min() > 0.9


def test_a_scene_may_be_anchored_in_whichever_world():
    """Turned, moved and enlarged, through lenses that are neither square nor centred, all means the same."""
    lens = torch.tensor([[0.8, 1.5, 0.45, 0.56]]).expand(VIEWS, 4)
    seen_by = replace(cameras(), intrinsics=lens)
    turn = torch.nn.functional.normalize(torch.tensor([0.7, -0.3, 0.5, 0.2]), dim=0)
    change = Similarity(turn, torch.tensor([3.0, -1.0, 2.0]), torch.tensor(2.5))
    picture = PictureAt(four_borders(), 1)
    scene = scene_at(2.0)
    expected = anchored(scene, seen_by, picture).transformed(change)
    found = anchored(scene.transformed(change), in_user_world(seen_by, change), picture)
    torch.testing.assert_close(found.means, expected.means, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(found.scales, expected.scales, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found.opacities, expected.opacities)
    torch.testing.assert_close(found.harmonics[:, 0], expected.harmonics[:, 0], atol=1e-3, rtol=0)
    turns = (matrix_from_quaternion(one.quaternions) for one in (found, expected))
    torch.testing.assert_close(*turns, atol=1e-2, rtol=0)


def test_pictures_of_a_batch_may_show_different_views():
    pictures = [PictureAt(smooth_picture(), 2), PictureAt(four_borders(), 0)]
    both = Cameras.from_vectors(torch.stack([cameras().vectors()] * 2))
    made = Gaussians.from_vectors(torch.stack([scene_at(2.0).vectors(), scene_at(3.0).vectors()]))
    found = anchored_batch(made, both, pictures)
    for number, picture in enumerate(pictures):
        torch.testing.assert_close(found[number].vectors(), anchored(made[number], cameras(), picture).vectors())


def test_scenes_without_a_picture_or_of_other_models_are_left_alone():
    made = Gaussians.from_vectors(torch.stack([scene_at(2.0).vectors()] * 2))

    def decode(features: torch.Tensor, latents: torch.Tensor, cameras: Cameras, report: Report = ignore) -> Gaussians:
        del features, latents, cameras, report
        return made

    pictures = [None, PictureAt(smooth_picture(), 0)]
    nothing = torch.zeros(2, 1, VIEWS, 2, 3)
    both = Cameras.from_vectors(torch.stack([cameras().vectors()] * 2))
    found = AnchoredDecoder(decode, pictures)(nothing, nothing, both)
    assert torch.equal(found[0][: VIEWS * OWN].vectors(), made[0].vectors())
    assert (found[0].opacities[VIEWS * OWN :] == 0).all(), "in a batch all scenes have as many Gaussians"
    assert torch.equal(found[1].vectors(), anchored(scene_at(2.0), cameras(), pictures[1]).vectors())
    assert AnchoredDecoder(decode, [None, None])(nothing, nothing, both) is made
    assert decoder_for(decode, False, pictures) is decode
