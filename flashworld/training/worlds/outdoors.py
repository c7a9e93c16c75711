"""Places outdoors: ground with hills or buildings far away, trees, houses, rocks and plain solids, and the weather."""

import numpy as np

from flashworld.training.worlds import textures
from flashworld.training.worlds.palette import mixed, paint, photo_like
from flashworld.training.worlds.placement import Place, dressed, make, stack
from flashworld.training.worlds.rooms import Setting
from flashworld.training.worlds.scene import Light, Material, Part
from flashworld.training.worlds.seeds import Draw
from flashworld.training.worlds.shapes import BOX, ELLIPSOID, PLANE
from flashworld.training.worlds.things import SOLIDS, Builder, Thing, ball, box, photo_like_green, post, turned

GROUNDS = {
    "grass": 5,
    "sand": 1.5,
    "snow": 1.0,
    "earth": 1.5,
    "paving": 2,
    "checkered square": 0.7,
    "gravel": 1.5,
    "stone": 1.2,
}


def build(draw: Draw) -> tuple[Place, Light, Setting]:
    """A place around the origin with the ground at y = 0."""
    place = Place()
    ground = draw.weighted(GROUNDS)
    colour, material = _ground(draw, ground)
    place.scenery(Part(PLANE, (0, 0, 0), (1, 1, 1), material))
    sky, light = _weather(draw)
    if draw.chance(0.35):
        _road(draw, place)
    _horizon(draw, place, material)
    spread = draw.between(4.0, 8.0)
    big = draw.weighted({"wild": 2, "village": 2, "ruins": 1, "yard": 1.5})
    for _ in range(draw.whole(3, 8)):
        _stand(draw, place, draw.weighted(_KINDS[big]), spread, draw.between(0.8, 1.3))
    for _ in range(draw.whole(2, 7)):
        _stand(draw, place, draw.one_of(SOLIDS), spread * 0.55, draw.between(0.8, 2.4))
    _clutter(draw, place, spread)
    around = spread + 3.0
    setting = Setting(f"{colour} {ground}", colour, sky, (-around, 0.7, -around), (around, 3.0, around), spread * 0.45)
    return place, light, setting


def _ground(draw: Draw, kind: str) -> tuple[str, Material]:
    if kind == "grass":
        return "green", photo_like_green(draw)
    colour, family = {
        "sand": ("beige", textures.MOTTLED),
        "snow": ("white", textures.MOTTLED),
        "earth": ("brown", textures.MOTTLED),
        "paving": (
            draw.one_of(["grey", "beige", "red", "brown"]),
            textures.BRICK if draw.chance(0.4) else textures.TILED,
        ),
        "checkered square": (draw.one_of(["black", "red", "blue", "grey"]), textures.CHECKED),
        "gravel": ("grey", textures.MOTTLED),
        "stone": (draw.one_of(["grey", "brown", "beige"]), textures.MARBLE),
    }[kind]
    base = paint(draw, colour, family, size=2.0, density=draw.between(0.8, 2.2))
    main = base.colours[0]
    colours = base.colours
    if family == textures.MOTTLED:
        colours = (
            main,
            mixed(main, (0.1, 0.08, 0.06), draw.between(0.1, 0.3 if kind == "snow" else 0.55)),
            mixed(main, (1, 1, 1), 0.2),
        )
    fine = {"gravel": 7.0, "earth": 2.5}.get(kind, 1.2)
    return colour, Material(
        **{**base.__dict__, "colours": colours, "frequency": fine, "roughness": draw.between(0.55, 0.8), "gloss": 0.0}
    )


def _weather(draw: Draw) -> tuple[str, Light]:
    """The name of the sky and the light that comes from it."""
    sky = draw.weighted({"clear": 1, "cloudy": 1, "sunset": 1, "overcast": 1})
    around, seed = draw.between(0, 2 * np.pi), draw.whole(0, 2**20)
    low, high = {"clear": (0.45, 1.2), "cloudy": (0.4, 1.1), "sunset": (0.09, 0.28), "overcast": (0.7, 1.2)}[sky]
    up = draw.between(low, high)
    sun = (float(np.cos(up) * np.cos(around)), float(np.sin(up)), float(np.cos(up) * np.sin(around)))
    haze = draw.between(0.002, 0.007)
    if sky == "sunset":
        horizon = mixed((1.0, 0.42, 0.12), (0.95, 0.5, 0.4), draw.between(0, 1))
        zenith = mixed((0.16, 0.2, 0.45), (0.35, 0.22, 0.42), draw.between(0, 1))
        return sky, Light(
            False,
            sun,
            (1.5, 0.72, 0.32),
            0.04,
            (0.42, 0.36, 0.5),
            (0.28, 0.2, 0.16),
            zenith,
            horizon,
            (0.9, 0.4, 0.3),
            draw.between(0.1, 0.6),
            draw.between(0.3, 0.8),
            haze,
            seed=seed,
        )
    if sky == "overcast":
        grey = draw.between(0.45, 0.75)
        tone = (grey * 0.97, grey, grey * 1.04)
        return sky, Light(
            False,
            sun,
            (0.22, 0.22, 0.22),
            0.5,
            (0.75, 0.77, 0.8),
            (0.3, 0.29, 0.27),
            mixed(tone, (0, 0, 0), 0.15),
            tone,
            mixed(tone, (1, 1, 1), 0.25),
            0.85,
            draw.between(0.3, 0.8),
            haze * 2,
            seed=seed,
        )
    zenith = mixed((0.03, 0.12, 0.42), (0.09, 0.26, 0.62), draw.between(0, 1))
    horizon = mixed((0.28, 0.46, 0.75), (0.55, 0.66, 0.78), draw.between(0, 1))
    cover = draw.between(0.42, 0.7) if sky == "cloudy" else 0.0
    level = draw.between(1.0, 1.5)
    return sky, Light(
        False,
        sun,
        (level, level * 0.95, level * 0.85),
        0.05,
        (0.38, 0.45, 0.58),
        (0.24, 0.22, 0.18),
        zenith,
        horizon,
        (0.92, 0.92, 0.93),
        cover,
        draw.between(0.3, 0.8),
        haze,
        seed=seed,
    )


def _road(draw: Draw, place: Place) -> None:
    """A straight way across the place."""
    colour = draw.one_of(["grey", "beige", "brown", "black", "red"])
    surface = paint(draw, colour, draw.weighted({textures.MOTTLED: 2, textures.BRICK: 1, textures.TILED: 1}), size=1.5)
    turn = draw.between(0, np.pi)
    side = turned(turn) @ np.array([draw.between(-2, 2), 0, 0])
    place.scenery(box(0, 0, 0, draw.between(1.2, 3.0), 0.012, 160.0, surface).moved(turned(turn), side))


def _horizon(draw: Draw, place: Place, ground: Material) -> None:
    """Hills, or the blocks of a town, far away all around."""
    kind = draw.weighted({"hills": 3, "town": 1, "woods": 1.5, "nothing": 1})
    hill = ground if draw.chance(0.5) else photo_like_green(draw)
    hill = Material(**{**hill.__dict__, "frequency": 0.35, "density": 0.4})
    for i in range(draw.whole(4, 8)):
        angle, far = 2.4 * i + draw.between(-0.5, 0.5), draw.between(28, 70)
        x, z = far * np.cos(angle), far * np.sin(angle)
        if kind == "hills":
            wide, high = draw.between(12, 26), draw.between(2.5, 12)
            place.scenery(Part(ELLIPSOID, (x, -0.4, z), (wide, high, wide * draw.between(0.5, 1)), hill, turned(angle)))
        elif kind == "town":
            wall = paint(draw, draw.one_of(["grey", "beige", "red", "white"]), textures.TILED, density=0.6)
            size = draw.between(5, 12)
            place.scenery(box(x, 0, z, size, draw.between(5, 22), size, wall, rotation=turned(angle)))
        elif kind == "woods":
            r = draw.between(4, 9)
            place.scenery(Part(ELLIPSOID, (x, r * 0.3, z), (r * 1.8, r * 0.8, r), hill, turned(angle)))


def _stand(draw: Draw, place: Place, builder: Builder, spread: float, scale: float) -> None:
    """Place a thing somewhere if there is room, with wares on it if it has a top."""
    if builder not in _NATURAL:
        thing, named = make(draw, builder, _DECOR.get(builder, _SOLID_DECOR))
    else:
        colour, family = _NATURAL[builder]
        thing, named = dressed(draw, builder, draw.one_of(colour), draw.one_of(family))
    angle, far = draw.between(0, 2 * np.pi), spread * np.sqrt(draw.between(0, 1))
    x, z = far * np.cos(angle), far * np.sin(angle)
    if not place.is_free(x, z, thing.radius * scale):
        return
    place.take(x, z, thing.radius * scale)
    yaw = draw.between(0, 2 * np.pi)
    place.add(thing, named, (x, 0, z), yaw, scale)
    if draw.chance(0.5):
        stack(draw, place, thing.scaled(scale), (x, 0, z), yaw, draw.whole(1, 2))


def _clutter(draw: Draw, place: Place, spread: float) -> None:
    """Stones, tufts and bushes too small to be named."""
    for _ in range(draw.whole(0, 14)):
        r, x, z = draw.between(0.05, 0.22), draw.between(-spread, spread), draw.between(-spread, spread)
        tuft = draw.chance(0.5)
        material = (
            photo_like_green(draw)
            if tuft
            else paint(draw, draw.one_of(["grey", "brown", "beige"]), textures.MOTTLED, 0.2)
        )
        turn = turned(draw.between(0, 6), draw.between(-0.3, 0.3))
        place.scenery(
            Part(
                ELLIPSOID, (x, r * 0.3, z), (r * draw.between(0.8, 1.6), r * (1.2 if tuft else 0.7), r), material, turn
            )
        )


def _tree(draw: Draw, material: Material) -> Thing:
    """A trunk under a crown of a few overlapping balls."""
    high, crown = draw.between(0.9, 2.2), draw.between(0.6, 1.3)
    bark = paint(draw, "brown", textures.WOOD, 0.2)
    parts = [post(0, 0, 0, draw.between(0.09, 0.18), high + crown * 0.5, bark, taper=0.4)]
    for i in range(draw.whole(2, 5)):
        angle, off = 2.4 * i, (0.0 if i == 0 else 0.55 * crown)
        r = crown * (1.0 if i == 0 else draw.between(0.55, 0.8))
        y = high + crown * (0.7 if i == 0 else draw.between(0.4, 1.1))
        parts.append(Part(ELLIPSOID, (off * np.cos(angle), y, off * np.sin(angle)), (r, r * 0.85, r), material))
    return Thing("tree", tuple(parts), crown * 0.8)


def _fir(draw: Draw, material: Material) -> Thing:
    high, r, tiers = draw.between(1.8, 3.8), draw.between(0.6, 1.1), draw.whole(2, 4)
    bark = paint(draw, "brown", textures.WOOD, 0.2)
    parts = [post(0, 0, 0, 0.1, 0.5, bark)]
    for i in range(tiers):
        share = i / tiers
        parts.append(
            post(0, 0.4 + share * high * 0.8, 0, r * (1 - 0.7 * share), high * (1.2 / tiers + 0.1), material, taper=1.0)
        )
    return Thing("fir tree", tuple(parts), r)


def _bush(draw: Draw, material: Material) -> Thing:
    r = draw.between(0.3, 0.6)
    parts = [ball(0, -0.1, 0, r, material, 0.9)]
    parts += [ball(r * 0.7 * np.cos(a), -0.08, r * 0.7 * np.sin(a), r * 0.65, material) for a in (0.4, 2.6, 4.4)]
    return Thing("bush", tuple(parts), r * 1.3)


def _house(draw: Draw, material: Material) -> Thing:
    """Walls with windows and a door under a gable roof with a chimney."""
    w, d, h = draw.between(1.8, 3.0), draw.between(1.6, 2.6), draw.between(1.2, 1.9)
    roof = paint(
        draw,
        draw.one_of(["red", "brown", "grey", "black", "orange"]),
        draw.one_of([textures.BRICK, textures.BANDED, textures.PLAIN]),
        1.0,
    )
    wood, glass = paint(draw, draw.one_of(["brown", "white", "green", "blue"])), paint(draw, "black", gloss=0.8)
    rise = draw.between(0.6, 1.2)
    gable = Part(BOX, (0, h + rise / 2, 0), ((w + 0.3) / 2, rise / 2, (d + 0.3) / 2), roof, taper=(0.0, 1.0))
    parts = [box(0, 0, 0, w, h, d, material), gable]
    parts.append(box(-w * 0.15, 0, d / 2, 0.45, min(0.9, h * 0.7), 0.06, wood))
    for x, z, turn in ((w * 0.25, d / 2, 0.0), (w / 2, 0.0, np.pi / 2), (-w / 2, 0.0, np.pi / 2), (0.0, -d / 2, 0.0)):
        parts.append(box(x, h * 0.45, z, 0.5, 0.45, 0.08, wood, rotation=turned(turn)))
        parts.append(box(x, h * 0.45 + 0.05, z, 0.4, 0.35, 0.11, glass, rotation=turned(turn)))
    parts.append(box(w * 0.25, h + rise * 0.3, 0, 0.25, rise, 0.25, paint(draw, "red", textures.BRICK, 0.4)))
    return Thing("house", tuple(parts), float(np.hypot(w, d) / 2))


def _tower(draw: Draw, material: Material) -> Thing:
    r, h = draw.between(0.45, 0.8), draw.between(2.0, 3.8)
    roof, glass = paint(draw, draw.one_of(["red", "blue", "black", "brown"])), paint(draw, "black")
    rim = post(0, h, 0, r * 1.15, 0.2, material)
    windows = [box(0, h * s, r * 0.95, 0.22, 0.35, 0.15, glass) for s in (0.35, 0.7)]
    return Thing(
        "tower",
        (
            post(0, 0, 0, r, h, material, taper=0.15),
            rim,
            post(0, h + 0.2, 0, r * 1.2, r * 1.5, roof, taper=1.0),
            *windows,
        ),
        r,
    )


def _column(draw: Draw, material: Material) -> Thing:
    r, h = draw.between(0.14, 0.26), draw.between(0.7, 2.4)
    parts = (
        box(0, 0, 0, 3 * r, 0.14, 3 * r, material),
        post(0, 0.14, 0, r, h, material, taper=0.15),
        box(0, h + 0.14, 0, 2.6 * r, 0.12, 2.6 * r, material),
    )
    return Thing("column", parts, r * 2, (h + 0.26, r * 1.2))


def _arch(draw: Draw, material: Material) -> Thing:
    w, h, t = draw.between(1.0, 1.8), draw.between(1.2, 2.0), draw.between(0.25, 0.4)
    parts = [box(s * w / 2, 0, 0, t, h, t, material) for s in (-1, 1)]
    return Thing("arch", (*parts, box(0, h, 0, w + t * 1.6, t, t * 1.2, material)), w * 0.7, (h + t, t * 0.6))


def _wall(draw: Draw, material: Material) -> Thing:
    w, h = draw.between(1.5, 3.5), draw.between(0.5, 1.5)
    return Thing("wall", (box(0, 0, 0, w, h, 0.25, material),), w / 2, (h, 0.12))


def _rock(draw: Draw, material: Material) -> Thing:
    r = draw.between(0.3, 0.8)
    parts = [
        Part(
            ELLIPSOID,
            (0, r * 0.35, 0),
            (r, r * 0.7, r * 0.8),
            material,
            turned(draw.between(0, 3), draw.between(-0.3, 0.3)),
        )
    ]
    parts.append(
        Part(
            BOX,
            (r * 0.5, r * 0.2, r * 0.2),
            (r * 0.5, r * 0.4, r * 0.4),
            material,
            turned(draw.between(0, 3), 0.4, 0.3),
        )
    )
    return Thing("rock", tuple(parts), r)


def _bench(draw: Draw, material: Material) -> Thing:
    w = draw.between(1.2, 1.8)
    legs = [box(s * w * 0.4, 0, 0, 0.08, 0.42, 0.36, material) for s in (-1, 1)]
    slats = [box(0, 0.42, z, w, 0.04, 0.1, material) for z in (-0.13, 0.0, 0.13)]
    return Thing("bench", (*legs, *slats, box(0, 0.6, -0.2, w, 0.22, 0.04, material)), w / 2)


def _fence(draw: Draw, material: Material) -> Thing:
    w, posts = draw.between(1.6, 3.0), draw.whole(4, 7)
    parts = [box((i / (posts - 1) - 0.5) * w, 0, 0, 0.08, 0.8, 0.05, material) for i in range(posts)]
    return Thing("fence", (*parts, *(box(0, y, 0.03, w, 0.08, 0.03, material) for y in (0.25, 0.58))), w / 2)


def _car(draw: Draw, material: Material) -> Thing:
    glass, rubber = paint(draw, "black", gloss=0.8, grain=0.0), paint(draw, "black", grain=0.1)
    body = box(0, 0.25, 0, 2.6, 0.5, 1.2, material)
    cabin = box(-0.1, 0.75, 0, 1.5, 0.42, 1.1, glass, taper=(0.3, 0.2))
    roof = box(-0.1, 1.14, 0, 1.1, 0.06, 0.92, material)
    on_side = turned(0, np.pi / 2)
    wheels = [post(x, 0.12, z, 0.26, 0.2, rubber, rotation=on_side) for x in (-0.8, 0.8) for z in (-0.58, 0.58)]
    return Thing("car", (body, cabin, roof, *wheels), 1.45)


def _billboard(draw: Draw, material: Material) -> Thing:
    w, h = draw.between(1.2, 2.4), draw.between(0.8, 1.4)
    view = Material(
        **{
            **photo_like(draw, w).__dict__,
            "family": draw.one_of([textures.PICTURE, textures.MOTTLED, textures.PATCHWORK]),
        }
    )
    legs = [box(s * w * 0.4, 0, 0, 0.08, 1.0, 0.08, material) for s in (-1, 1)]
    return Thing(
        "billboard",
        (*legs, box(0, 0.7, 0.05, w, h, 0.08, material), box(0, 0.78, 0.07, w - 0.16, h - 0.16, 0.08, view)),
        w / 2,
        many_coloured=True,
    )


_KINDS: dict[str, dict[Builder, float]] = {
    "wild": {_tree: 3, _fir: 2, _bush: 2, _rock: 3, _house: 0.3},
    "village": {_house: 3, _tree: 1.5, _bush: 1, _fence: 1, _car: 0.8, _tower: 0.7, _bench: 0.7},
    "ruins": {_column: 3, _arch: 1.5, _wall: 2, _rock: 1, _tower: 0.6, _bush: 0.7},
    "yard": {_wall: 1, _bench: 1, _car: 1, _billboard: 1.5, _tree: 1, _column: 0.5, _fence: 1},
}
_GREENERY = ["green", "green", "green", "orange", "yellow", "red", "pink"]
_NATURAL: dict[Builder, tuple[list[str], list[int]]] = {
    _tree: (_GREENERY, [textures.MOTTLED]),
    _fir: (["green", "green", "turquoise", "white"], [textures.MOTTLED]),
    _bush: (_GREENERY, [textures.MOTTLED]),
    _rock: (["grey", "grey", "brown", "beige"], [textures.MOTTLED, textures.MARBLE]),
}
_SOLID_DECOR: dict[int, float] = {
    textures.PLAIN: 5,
    textures.CHECKED: 1,
    textures.STRIPED: 1,
    textures.BANDED: 1,
    textures.DOTTED: 1,
    textures.SHADED: 1,
    textures.MOTTLED: 2.5,
    textures.PATCHWORK: 0.7,
    textures.MARBLE: 1,
    textures.BRICK: 0.7,
}
_MASONRY: dict[int, float] = {
    textures.PLAIN: 2,
    textures.BRICK: 3,
    textures.MARBLE: 1,
    textures.MOTTLED: 1.5,
    textures.TILED: 0.5,
}
_LACQUER: dict[int, float] = {textures.PLAIN: 5, textures.SHADED: 1}
_DECOR: dict[Builder, dict[int, float]] = {
    _house: _MASONRY,
    _tower: _MASONRY,
    _column: _MASONRY,
    _arch: _MASONRY,
    _wall: _MASONRY,
    _car: _LACQUER,
    _bench: {textures.WOOD: 2, textures.PLAIN: 1},
    _fence: {textures.WOOD: 1, textures.PLAIN: 2},
    _billboard: _LACQUER,
}
