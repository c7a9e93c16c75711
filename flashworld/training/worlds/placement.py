"""Putting things into a place without overlap, one upon another, and what a caption may say of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flashworld.training.worlds import textures
from flashworld.training.worlds.palette import COLOURS, DECOR, PATTERNS, paint
from flashworld.training.worlds.scene import Array, Part
from flashworld.training.worlds.seeds import Draw
from flashworld.training.worlds.things import SMALL, WOODEN, Builder, Thing, turned


@dataclass(frozen=True)
class Named:
    """A thing of a place, as a caption may call it."""

    name: str
    colour: str
    """A name of the palette, or empty for what has many colours; so the pattern."""
    pattern: str


@dataclass
class Place:
    """A place as it is being furnished."""

    parts: list[tuple[Part, int]] = field(default_factory=list)
    named: list[Named] = field(default_factory=list)
    circles: list[tuple[float, float, float]] = field(default_factory=list)
    """Taken ground: x, z, radius."""

    def scenery(self, *parts: Part) -> None:
        """Add what has no name."""
        self.parts += [(part, -1) for part in parts]

    def add(
        self, thing: Thing, named: Named, at: Sequence[float] | Array, yaw: float = 0.0, scale: float = 1.0
    ) -> None:
        """Stand a named thing at a point."""
        rotation = turned(yaw)
        self.parts += [(part.moved(rotation, at, scale), len(self.named)) for part in thing.parts]
        self.named.append(named)

    def is_free(self, x: float, z: float, radius: float) -> bool:
        """Whether a circle of ground touches none that is taken."""
        return all((x - a) ** 2 + (z - b) ** 2 > (radius + r) ** 2 for a, b, r in self.circles)

    def take(self, x: float, z: float, radius: float) -> None:
        """Keep others off a circle of ground."""
        self.circles.append((x, z, radius))


def make(draw: Draw, builder: Builder, decor: dict[int, float] = DECOR) -> tuple[Thing, Named]:
    """A thing of a random look, with what to call it."""
    family = draw.weighted(decor)
    if builder in WOODEN:
        family = draw.weighted({textures.WOOD: 3, textures.PLAIN: 2, textures.MOTTLED: 0.4})
    names = list(COLOURS)
    colour = draw.one_of(["brown", "beige", "brown", "white", "black", *names] if builder in WOODEN else names)
    return dressed(draw, builder, colour, family)


def dressed(draw: Draw, builder: Builder, colour: str, family: int) -> tuple[Thing, Named]:
    """A thing of a given colour and pattern."""
    thing = builder(draw, paint(draw, colour, family))
    if thing.many_coloured:
        return thing, Named(thing.name, "", "")
    return thing, Named(thing.name, colour, PATTERNS[family])


def stack(draw: Draw, place: Place, below: Thing, at: Sequence[float] | Array, yaw: float, num: int) -> None:
    """Stand up to `num` small wares on the level top of a thing that stands at a point, and perhaps more on those."""
    if below.top is None:
        return
    height, radius = below.top
    spots: list[tuple[float, float, float]] = []
    for _ in range(num):
        thing, named = make(draw, draw.one_of(SMALL))
        scale = min(1.0, draw.between(0.35, 0.75) * radius / thing.radius)
        across = thing.radius * scale
        angle, far = draw.between(0, 2 * np.pi), draw.between(0, max(radius - across, 0.0))
        a, b = far * np.cos(angle), far * np.sin(angle)
        if any((a - c) ** 2 + (b - d) ** 2 < (across + r) ** 2 for c, d, r in spots):
            continue
        spots.append((a, b, across))
        there = turned(yaw) @ np.array([a, height, b]) + np.asarray(at)
        turn = draw.between(0, 2 * np.pi)
        place.add(thing, named, there, turn, scale)
        if draw.chance(0.3):
            stack(draw, place, thing.scaled(scale), there, turn, 1)
