"""`make_world`: a seed becomes a place, a movement through it and a caption; `cast`: its pictures."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.training.worlds import outdoors, rooms
from flashworld.training.worlds.captions import WorldFacts, caption, facts_of
from flashworld.training.worlds.cpu_caster import cast_view
from flashworld.training.worlds.paths import SHARE, camera_row, camera_rows, find_standpoint, in_units, movement
from flashworld.training.worlds.scene import SceneArrays, scene_arrays
from flashworld.training.worlds.seeds import Draw, kind_of, template_of

SKY_DISTANCE = 40.0
"""Distance in units of a world at which the sky is said to be; what is farther away is said to be there too."""


@dataclass(frozen=True)
class World:
    """A place with cameras and a caption, not yet seen: all that a caster needs, on this machine or on a GPU."""

    seed: int
    scene: SceneArrays
    """In metres."""
    metres: float
    """Length of one unit of the world."""
    cameras: Cameras
    """[views] in units: first those of the path, then `num_extra` beside it, for supervision."""
    num_extra: int
    template: str
    """The movement, one of `flashworld.cameras.templates.TEMPLATES`."""
    caption: str
    facts: WorldFacts

    @property
    def num_views(self) -> int:
        """Number of cameras along the path."""
        return len(self.cameras) - self.num_extra


@dataclass(frozen=True)
class WorldViews:
    """What a world's cameras see."""

    rgb: Float[Tensor, "*worlds views 3 height width"]
    """0 to 1."""
    distance: Float[Tensor, "*worlds views height width"]
    """Along the ray through the pixel's centre, in units of the world, at most `SKY_DISTANCE`."""


def make_world(
    seed: int,
    aspect: float = 4 / 3,
    num_views: int = 6,
    num_extra: int = 2,
    share: float = SHARE,
    template: str | None = None,
) -> World:
    """The world of a seed.

    Args:
        seed: see `seeds`.
        aspect: width by height of the pictures.
        num_views: cameras along the path.
        num_extra: cameras beside the path.
        share: how far the path reaches, as a share of the first view's median distance. Other paths than the usual make
            other worlds' worth of depth: see `paths`.
        template: the movement, if not the seed's own.
    """
    name = template or template_of(seed)
    build = rooms.build if kind_of(seed) == "room" else outdoors.build
    standpoint, attempt = None, 0
    while standpoint is None:  # some places leave a movement no room; the next one may
        place, light, setting = build(Draw(seed, f"place {attempt}"))
        scene = scene_arrays(place.parts, light)
        moves = movement(Draw(seed, f"movement {attempt}"), name, share, aspect, num_views, num_extra)
        standpoint = find_standpoint(Draw(seed, f"standpoint {attempt}"), scene, setting, moves, share)
        attempt += 1
    first = camera_row(standpoint.place, standpoint.rotation, moves.cameras.intrinsics[0].numpy())
    _, distance, thing = cast_view(scene, first, 48, round(48 * aspect), colour=False)
    facts = facts_of(kind_of(seed), setting, place.named, distance, thing)
    return World(
        seed=seed,
        scene=scene,
        metres=standpoint.unit,
        cameras=in_units(moves, standpoint),
        num_extra=num_extra,
        template=name,
        caption=caption(Draw(seed, "caption"), facts),
        facts=facts,
    )


def cast(world: World, height: int, width: int) -> WorldViews:
    """The pictures of a world, made by the processor."""
    views = [cast_view(world.scene, row, height, width) for row in camera_rows(world.cameras, world.metres)]
    rgb = torch.from_numpy(np.stack([view[0] for view in views])).float()
    distance = torch.from_numpy(np.stack([view[1] for view in views])) / world.metres
    return WorldViews(rgb, distance.clamp(max=SKY_DISTANCE).float())
