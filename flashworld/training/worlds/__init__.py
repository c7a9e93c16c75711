"""Procedural worlds: a seed becomes a room or a place outdoors, a camera's movement through it, pictures and a caption.

Read `world.py` first. `rooms` and `outdoors` furnish a place with `things`; `paths` moves a camera through it;
`captions` says what it sees. The formulas of `shapes`, `textures` and `light` are written once; `cpu_caster` compiles
them with numba for processors, `cuda_caster` for GPUs.
"""

from flashworld.training.worlds.captions import SeenThing, WorldFacts
from flashworld.training.worlds.cuda_caster import cast_batch
from flashworld.training.worlds.seeds import held_out_seed, scored_seed, training_seed
from flashworld.training.worlds.world import SKY_DISTANCE, World, WorldViews, cast, make_world

__all__ = [
    "SKY_DISTANCE",
    "SeenThing",
    "World",
    "WorldFacts",
    "WorldViews",
    "cast",
    "cast_batch",
    "held_out_seed",
    "make_world",
    "scored_seed",
    "training_seed",
]
