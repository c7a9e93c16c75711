"""Any view as the first one: in its own unit, mirrored as a whole."""

import pytest
import torch

from flashworld.training.first_views import USUAL_DISTANCE, any_view_first, in_the_unit_of_a_first_view
from flashworld.training.recipes import tiny_smoke
from flashworld.training.scenes import SceneBatch
from flashworld.training.worlds import SKY_DISTANCE


@pytest.fixture(scope="module")
def batch() -> SceneBatch:
    sight = tiny_smoke().sight
    return SceneBatch.of([sight(seed) for seed in range(4)], torch.device("cpu"))


def test_a_view_that_was_drawn_is_one_of_its_world_or_its_mirror_image(batch: SceneBatch):
    for seed in range(4):
        drawn = any_view_first(batch, torch.Generator().manual_seed(seed))
        for world in range(4):
            picture, mirror = drawn.rgb[world, 0], drawn.rgb[world, 0].flip(-1)
            straight = [torch.equal(picture, view) for view in batch.rgb[world]]
            mirrored = [torch.equal(mirror, view) for view in batch.rgb[world]]
            assert any(straight) != any(mirrored)
            view = (straight if any(straight) else mirrored).index(True)
            distance = drawn.distance[world, 0].flip(-1) if any(mirrored) else drawn.distance[world, 0]
            ratio = (distance / batch.distance[world, view])[distance < 0.98 * SKY_DISTANCE]
            torch.testing.assert_close(ratio.amax(), ratio.amin(), rtol=1e-4, atol=0)


def test_first_views_keep_their_unit_and_others_get_one(batch: SceneBatch):
    first = in_the_unit_of_a_first_view(batch.distance[:, 0])
    torch.testing.assert_close(first, batch.distance[:, 0], rtol=0.02, atol=0)
    far = in_the_unit_of_a_first_view(3 * batch.distance[:, 0])
    for distance in far:
        near = distance[distance < SKY_DISTANCE]
        assert near.median().item() == pytest.approx(USUAL_DISTANCE, rel=0.02)


def test_what_is_sky_or_unknown_stays():
    distance = torch.tensor([[[0.0, 1.0, 2.0, SKY_DISTANCE]], [[SKY_DISTANCE, SKY_DISTANCE, 0.0, 0.0]]])
    scaled = in_the_unit_of_a_first_view(distance)
    assert torch.equal(scaled[:, :, 0], distance[:, :, 0])
    assert scaled[0, 0, 3] == SKY_DISTANCE
    assert torch.equal(scaled[1], distance[1])
    assert scaled[0, 0, 2] / scaled[0, 0, 1] == pytest.approx(2.0)
