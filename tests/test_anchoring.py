"""Anchoring: the given view is the picture at the scene's own distances, and nothing floats before it."""

from dataclasses import replace

import pytest
import torch

from flashworld.anchoring import OPAQUE, AnchoredDecoder, anchored, decoder_for
from flashworld.cameras import Cameras
from flashworld.conditioning import PictureAt
from flashworld.events import Report, ignore
from flashworld.gaussians import Gaussians
from flashworld.rendering import render

HEIGHT, WIDTH, VIEWS = 32, 48, 3
OWN = (HEIGHT // 2) * WIDTH


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


def test_the_given_views_gaussians_keep_their_distances_or_take_the_constant_one():
    before = scene_at(2.0)
    for given, expected in ((None, 2.0), (3.5, 3.5)):
        after = anchored(before, cameras(), PictureAt(smooth_picture(), 1), given)
        own = slice(OWN, 2 * OWN)
        apart = (after.means[own] - cameras().positions[1]).norm(dim=-1)
        torch.testing.assert_close(apart, torch.full((OWN,), expected))
        assert (after.opacities[own] == OPAQUE).all()
        for others in (slice(OWN), slice(2 * OWN, 3 * OWN)):
            assert torch.equal(after.means[others], before.means[others])


def test_what_stands_before_the_surface_turns_clear_and_what_is_hidden_or_beside_opaque():
    scene = scene_at(2.0)
    places = torch.tensor([[0.0, 0, -1.0], [0.0, 0, -4.0], [5.0, 0, -1.0], [0.0, 0, 1.0]])
    means = scene.means.clone()
    means[OWN : OWN + 4] = places
    after = anchored(replace(scene, means=means), cameras(), PictureAt(smooth_picture(), 0))
    torch.testing.assert_close(after.opacities[OWN : OWN + 4], OPAQUE * torch.tensor([0.0, 1.0, 1.0, 1.0]))


def test_scenes_without_a_picture_or_of_other_models_are_left_alone():
    made = Gaussians.from_vectors(torch.stack([scene_at(2.0).vectors()] * 2))

    def decode(features: torch.Tensor, latents: torch.Tensor, cameras: Cameras, report: Report = ignore) -> Gaussians:
        del features, latents, cameras, report
        return made

    pictures = [None, PictureAt(smooth_picture(), 0)]
    nothing = torch.zeros(2, 1, VIEWS, 2, 3)
    both = Cameras.from_vectors(torch.stack([cameras().vectors()] * 2))
    found = AnchoredDecoder(decode, pictures)(nothing, nothing, both)
    assert torch.equal(found[0].vectors(), made[0].vectors())
    assert not torch.equal(found[1].vectors(), made[1].vectors())
    assert decoder_for(decode, False, pictures) is decode
