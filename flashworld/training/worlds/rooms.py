"""Rooms: floor, walls and ceiling, windows, doors and pictures, furniture and wares, a lamp."""

from dataclasses import dataclass

import numpy as np

from flashworld.training.worlds import textures
from flashworld.training.worlds.palette import PATTERNS, mixed, paint, photo_like, tinted
from flashworld.training.worlds.placement import Named, Place, dressed, make, stack
from flashworld.training.worlds.scene import Light, Material, Part, Vector
from flashworld.training.worlds.seeds import Draw
from flashworld.training.worlds.shapes import PLANE
from flashworld.training.worlds.things import BY_WALLS, CENTRAL, SOLIDS, Thing, ball, box, post, turned


@dataclass(frozen=True)
class Setting:
    """What a caption says of the surroundings, and where cameras may stand."""

    floor: str
    """Colour and material of the ground, such as "brown wooden floor"."""
    floor_colour: str
    around: str
    """Of a room its walls ("white walls"), outdoors the sky ("cloudy")."""
    low: Vector
    """Lower corner of the box in which cameras stand."""
    high: Vector
    target: float
    """Half the side of the square around the origin at which cameras look."""


FLOORS = {
    textures.PLANKS: ("wooden floor", 4),
    textures.WOOD: ("wooden floor", 0.7),
    textures.TILED: ("tiled floor", 2),
    textures.CHECKED: ("checkered floor", 1.2),
    textures.MOTTLED: ("carpet", 2),
    textures.PLAIN: ("carpet", 2),
    textures.MARBLE: ("marble floor", 1.2),
    textures.PATCHWORK: ("patchwork carpet", 0.5),
    textures.BRICK: ("stone floor", 0.6),
}
"""Pattern of a floor to its name and how often it is laid."""
FLOOR_COLOURS = {
    "brown": 5,
    "beige": 4,
    "grey": 3,
    "white": 2,
    "red": 1.5,
    "blue": 1.5,
    "green": 1.5,
    "black": 1,
    "orange": 0.7,
    "turquoise": 0.7,
    "purple": 0.7,
    "yellow": 0.7,
    "pink": 0.7,
}
WALLS = {
    textures.PLAIN: 6,
    textures.STRIPED: 1.2,
    textures.BRICK: 1.2,
    textures.DOTTED: 0.6,
    textures.TILED: 0.8,
    textures.MOTTLED: 1.5,
    textures.PLANKS: 0.8,
    textures.CHECKED: 0.3,
}
WALL_COLOURS = {
    "white": 4,
    "beige": 3,
    "grey": 2,
    "blue": 1.5,
    "green": 1.5,
    "yellow": 1.5,
    "pink": 1.2,
    "red": 1,
    "orange": 1,
    "turquoise": 1,
    "purple": 1,
    "brown": 0.8,
}


def build(draw: Draw) -> tuple[Place, Light, Setting]:
    """A furnished room around the origin, its floor at y = 0."""
    place = Place()
    width, depth, height = draw.between(4.0, 8.5), draw.between(4.0, 8.5), draw.between(2.4, 3.6)
    floor, wall = draw.weighted({family: weight for family, (_, weight) in FLOORS.items()}), draw.weighted(WALLS)
    floor_colour, wall_colour = draw.weighted(FLOOR_COLOURS), draw.weighted(WALL_COLOURS)
    pale = 0.0 if wall_colour in ("white", "grey", "beige") else draw.between(0.0, 0.55)
    _shell(draw, place, (width, height, depth), (floor_colour, floor), (wall_colour, wall), pale)
    _furnish(draw, place, width, height, depth)
    light = _light(draw, place, width, height, depth)
    words = (
        f"{'pale ' if pale > 0.3 else ''}{wall_colour} {'' if wall == textures.PLAIN else PATTERNS[wall] + ' '}walls"
    )
    low, high = (
        (-width / 2 + 0.35, 0.7, -depth / 2 + 0.35),
        (width / 2 - 0.35, min(2.0, height - 0.5), depth / 2 - 0.35),
    )
    return (
        place,
        light,
        Setting(f"{floor_colour} {FLOORS[floor][0]}", floor_colour, words, low, high, min(width, depth) * 0.3),
    )


def _shell(draw: Draw, place: Place, size: Vector, floor: tuple[str, int], wall: tuple[str, int], pale: float) -> None:
    """Six planes that look inwards, and skirting boards."""
    width, height, depth = size
    ground = paint(draw, *floor, size=2.2, density=draw.between(1.2, 4.5), grain=draw.between(0.1, 0.35))
    place.scenery(Part(PLANE, (0, 0, 0), (1, 1, 1), ground))
    plaster = paint(draw, "white", grain=0.06)
    place.scenery(Part(PLANE, (0, height, 0), (1, 1, 1), plaster, turned(0, np.pi)))
    paper = paint(draw, *wall, size=1.5, density=draw.between(1.5, 5.0), grain=draw.between(0.03, 0.15))
    first, second, third = (mixed(c, (0.95, 0.94, 0.92), pale) for c in paper.colours)
    colours = first, mixed(second, first, draw.between(0.2, 0.8)), third
    paper = Material(**{**paper.__dict__, "colours": colours, "gloss": 0.0})
    board = paint(draw, draw.one_of(["white", "brown", wall[0]]))
    for side in range(4):
        yaw, away = side * np.pi / 2, (depth if side % 2 == 0 else width) / 2
        inwards, up = turned(yaw) @ np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
        axes = np.stack([np.cross(inwards, up), inwards, up], axis=1)
        place.scenery(Part(PLANE, tuple(-away * inwards), (1, 1, 1), paper, axes))
        length = width if side % 2 == 0 else depth
        place.scenery(box(0, 0, 0, length, 0.09, 0.03, board).moved(turned(yaw), -away * inwards))


def _furnish(draw: Draw, place: Place, width: float, height: float, depth: float) -> None:
    """Walls first, then what stands along them, then the middle, then what lies about."""
    for side in range(4):
        _hang(draw, place, side, width, height, depth)
    if draw.chance(0.5):
        thing, named = dressed(
            draw,
            _rug,
            draw.one_of(["red", "blue", "beige", "green", "grey", "purple", "orange"]),
            draw.weighted(
                {
                    textures.CHECKED: 1,
                    textures.BANDED: 1,
                    textures.STRIPED: 1,
                    textures.MOTTLED: 1,
                    textures.PLAIN: 1,
                    textures.PATCHWORK: 1,
                }
            ),
        )
        place.add(thing, named, (draw.between(-0.5, 0.5), 0, draw.between(-0.5, 0.5)), draw.between(-0.4, 0.4))
    for _ in range(draw.whole(2, 6)):
        thing, named = make(draw, draw.one_of(BY_WALLS))
        side = draw.whole(0, 3)
        along, away = (width, depth) if side % 2 == 0 else (depth, width)
        reach = max(along / 2 - thing.radius - 0.1, 0.0)
        back = min(part.centre[2] - part.half[2] for part in thing.parts)
        there = turned(side * np.pi / 2) @ np.array([draw.between(-reach, reach), 0, -away / 2 - back + 0.06])
        _stand(draw, place, thing, named, there[0], there[2], side * np.pi / 2, draw.whole(0, 3))
    for _ in range(draw.whole(1, 4)):
        thing, named = make(draw, draw.one_of(CENTRAL))
        x, z = draw.between(-0.32, 0.32) * width, draw.between(-0.32, 0.32) * depth
        _stand(draw, place, thing, named, x, z, draw.between(0, 6.283), draw.whole(1, 4))
    for _ in range(draw.whole(1, 6)):
        thing, named = make(draw, draw.one_of(SOLIDS))
        x, z = draw.between(-0.4, 0.4) * width, draw.between(-0.4, 0.4) * depth
        _stand(draw, place, thing, named, x, z, draw.between(0, 6.283), draw.whole(0, 1))


def _stand(draw: Draw, place: Place, thing: Thing, named: Named, x: float, z: float, yaw: float, wares: int) -> None:
    """Place a thing, with wares on it, if there is room."""
    if not place.is_free(x, z, thing.radius):
        return
    place.take(x, z, thing.radius)
    place.add(thing, named, (x, 0, z), yaw)
    stack(draw, place, thing, (x, 0, z), yaw, wares)


def _rug(draw: Draw, material: Material) -> Thing:
    w, d = draw.between(1.4, 2.8), draw.between(1.0, 2.0)
    if draw.chance(0.3):
        return Thing("rug", (post(0, 0, 0, w / 2, 0.015, material),), w / 2)
    return Thing("rug", (box(0, 0, 0, w, 0.015, d, material),), w / 2)


def _hang(draw: Draw, place: Place, side: int, width: float, height: float, depth: float) -> None:
    """A window, a door or pictures on one wall."""
    along, away = (width, depth) if side % 2 == 0 else (depth, width)
    yaw = side * np.pi / 2

    def put(thing: Thing, named: Named, x: float, y: float) -> None:
        there = turned(yaw) @ np.array([x, y, -away / 2])
        place.add(thing, named, there, yaw)

    what = draw.weighted({"window": 3, "door": 1.5, "pictures": 3, "nothing": 1})
    if what == "window":
        tall = draw.between(0.9, min(1.5, height - 1.1))
        for x in [0.0] if along < 5 or draw.chance(0.5) else [-along / 4, along / 4]:
            put(
                *dressed(
                    draw,
                    lambda d, m: _window(d, m, tall),
                    draw.one_of(["white", "brown", "black", "green"]),
                    textures.PLAIN,
                ),
                x,
                0.8,
            )
    elif what == "door":
        colour = draw.one_of(["white", "brown", "red", "blue", "green", "grey"])
        family = draw.weighted({textures.PLAIN: 2, textures.WOOD: 1})
        put(*dressed(draw, _door, colour, family), draw.between(-along / 2 + 0.7, along / 2 - 0.7), 0)
    elif what == "pictures":
        for _ in range(draw.whole(1, 3)):
            x, y = draw.between(-along / 2 + 0.6, along / 2 - 0.6), draw.between(1.2, 1.5)
            colour = draw.one_of(["black", "white", "brown", "yellow", "red"])
            put(*dressed(draw, _picture, colour, textures.PLAIN), x, y)


def _window(draw: Draw, material: Material, tall: float) -> Thing:
    """A bright view of sky over land, a frame with bars, and perhaps curtains."""
    wide = draw.between(0.9, 1.8)
    land, sky = (
        tinted(draw, draw.one_of(["green", "grey", "brown"])),
        mixed((0.5, 0.7, 0.95), (1, 1, 1), draw.between(0, 0.9)),
    )
    view = Material(
        (land, sky, (1.0, 1.0, 1.0)),
        textures.PICTURE,
        frequency=1.2,
        glow=draw.between(1.0, 2.0),
        seed=draw.whole(0, 2**20),
    )
    bar = 0.05
    parts = [box(0, 0, 0.0, wide, tall, 0.04, view)]
    parts += [box(s * wide / 2, -bar, 0.01, bar, tall + 2 * bar, 0.1, material) for s in (-1, 0, 1)]
    parts += [box(0, y, 0.01, wide, bar, 0.1, material) for y in (-bar, tall * 0.6, tall)]
    parts.append(box(0, -bar - 0.04, 0.06, wide + 0.16, 0.04, 0.16, material))
    if draw.chance(0.5):
        cloth = paint(
            draw,
            draw.one_of(["red", "white", "beige", "blue", "yellow", "green"]),
            textures.STRIPED,
            density=draw.between(9, 16),
        )
        folds = Material(
            **{
                **cloth.__dict__,
                "colours": (cloth.colours[0], mixed(cloth.colours[0], (0, 0, 0), 0.25), cloth.colours[2]),
            }
        )
        parts += [box(s * (wide / 2 + 0.12), -0.2, 0.08, 0.32, tall + 0.4, 0.06, folds) for s in (-1, 1)]
    return Thing("window", tuple(parts), wide / 2, many_coloured=True)


def _door(draw: Draw, material: Material) -> Thing:
    wide, tall = draw.between(0.8, 1.0), draw.between(1.95, 2.15)
    frame, knob = paint(draw, draw.one_of(["white", "brown"])), paint(draw, "yellow", gloss=0.8)
    parts = [box(0, 0, 0.0, wide, tall, 0.06, material)]
    parts += [box(s * wide / 2, 0, 0.0, 0.09, tall, 0.1, frame) for s in (-1, 1)]
    parts += [box(0, tall, 0.0, wide + 0.18, 0.09, 0.1, frame), ball(wide * 0.38, 1.0, 0.07, 0.035, knob)]
    parts += [box(0, y, 0.03, wide * 0.62, tall * 0.33, 0.02, material) for y in (tall * 0.12, tall * 0.55)]
    return Thing("door", tuple(parts), wide / 2)


def _picture(draw: Draw, material: Material) -> Thing:
    wide, tall = draw.between(0.35, 1.1), draw.between(0.35, 0.85)
    noise = photo_like(draw, wide)
    family = draw.weighted({textures.PICTURE: 2, textures.MOTTLED: 2, textures.PATCHWORK: 1, textures.SHADED: 0.5})
    canvas = Material(**{**noise.__dict__, "family": family, "density": draw.between(4, 12) / wide})
    frame = box(0, 0, 0.0, wide, tall, 0.05, material)
    return Thing(
        "picture", (frame, box(0, 0.04, 0.01, wide - 0.08, tall - 0.08, 0.06, canvas)), wide / 2, many_coloured=True
    )


def _light(draw: Draw, place: Place, width: float, height: float, depth: float) -> Light:
    """A lamp under the ceiling, warm or cool, and what walls give back."""
    warmth = draw.between(-0.12, 0.22)
    tint = (1 + warmth, 1.0, 1 - warmth)
    x, z = draw.between(-0.25, 0.25) * width, draw.between(-0.25, 0.25) * depth
    drop = draw.between(0.15, 0.6)
    size = draw.between(0.1, 0.22)
    warm = (1.0, 0.97, 0.9)
    glass = Material((warm, warm, warm), glow=1.6, grain=0.0)
    cord = paint(draw, "black")
    place.scenery(
        ball(x, height - drop - size, z, size, glass, shadow=False),
        post(x, height - drop, z, 0.012, drop, cord, shadow=False),
    )
    level = draw.between(0.7, 1.5)
    soft = draw.between(0.28, 0.55)
    return Light(
        is_lamp=True,
        place=(x, height - drop - size, z),
        colour=_scaled(tint, level),
        size=size * 1.3,
        above=_scaled(tint, soft),
        below=_scaled(tint, soft * 0.75),
        horizon=(0.75, 0.73, 0.7),
        haze=0.004,
        reach=draw.between(3.0, 6.0),
    )


def _scaled(colour: Vector, level: float) -> Vector:
    red, green, blue = colour
    return red * level, green * level, blue * level
