"""`Thing`: what a caption can name, and the plain solids, furniture and small wares of which rooms are full.

Every builder makes a thing that stands on the origin, its front towards +z, of a main material. Sizes are metres.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flashworld.training.worlds import textures
from flashworld.training.worlds.palette import mixed, paint, photo_like
from flashworld.training.worlds.scene import Array, Material, Part
from flashworld.training.worlds.seeds import Draw
from flashworld.training.worlds.shapes import BOX, ELLIPSOID, FRUSTUM


@dataclass(frozen=True)
class Thing:
    """Parts that belong together, standing on y = 0 around the origin."""

    name: str
    parts: tuple[Part, ...]
    radius: float
    """Of the circle on the ground that it needs."""
    top: tuple[float, float] | None = None
    """Height and radius of a level place on which others can stand."""
    many_coloured: bool = False
    """Whether its material's colour is not what one sees of it most, so that no caption should name one."""

    def scaled(self, scale: float) -> "Thing":
        """Its outline at another size; the parts are enlarged where they are placed."""
        top = None if self.top is None else (self.top[0] * scale, self.top[1] * scale)
        return Thing(self.name, (), self.radius * scale, top)


Builder = Callable[[Draw, Material], Thing]


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Array:
    """Rotation about y, then the turned x, then z; radians."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def box(x: float, y: float, z: float, width: float, height: float, depth: float, material: Material, **kw) -> Part:
    """A box whose bottom's middle is at (x, y, z)."""
    return Part(BOX, (x, y + height / 2, z), (width / 2, height / 2, depth / 2), material, **kw)


def post(
    x: float, y: float, z: float, radius: float, height: float, material: Material, taper: float = 0.0, **kw
) -> Part:
    """An upright cylinder, or cone, whose bottom's middle is at (x, y, z)."""
    return Part(FRUSTUM, (x, y + height / 2, z), (radius, height / 2, radius), material, taper=(taper, 0.0), **kw)


def ball(x: float, y: float, z: float, radius: float, material: Material, squash: float = 1.0, **kw) -> Part:
    """A ball, or a flattened one, whose lowest point is at (x, y, z)."""
    return Part(ELLIPSOID, (x, y + radius * squash, z), (radius, radius * squash, radius), material, **kw)


def _ball(draw: Draw, material: Material) -> Thing:
    r = draw.between(0.12, 0.45)
    return Thing("ball", (ball(0, 0, 0, r, material),), r)


def _egg(draw: Draw, material: Material) -> Thing:
    r = draw.between(0.12, 0.3)
    return Thing("egg", (ball(0, 0, 0, r, material, squash=draw.between(1.3, 1.6)),), r)


def _box(draw: Draw, material: Material) -> Thing:
    w, h, d = draw.between(0.25, 0.8), draw.between(0.2, 0.8), draw.between(0.25, 0.8)
    return Thing("box", (box(0, 0, 0, w, h, d, material),), float(np.hypot(w, d) / 2), (h, min(w, d) / 2))


def _cylinder(draw: Draw, material: Material) -> Thing:
    r, h = draw.between(0.12, 0.4), draw.between(0.25, 0.9)
    return Thing("cylinder", (post(0, 0, 0, r, h, material),), r, (h, r * 0.8))


def _cone(draw: Draw, material: Material) -> Thing:
    r, h = draw.between(0.18, 0.45), draw.between(0.35, 1.0)
    return Thing("cone", (post(0, 0, 0, r, h, material, taper=1.0),), r)


def _pyramid(draw: Draw, material: Material) -> Thing:
    w, h = draw.between(0.4, 0.9), draw.between(0.3, 0.8)
    return Thing("pyramid", (box(0, 0, 0, w, h, w, material, taper=(1.0, 1.0)),), w * 0.7)


def _capsule(draw: Draw, material: Material) -> Thing:
    r, h = draw.between(0.1, 0.2), draw.between(0.2, 0.6)
    parts = ball(0, 0, 0, r, material), post(0, r, 0, r, h, material), ball(0, h, 0, r, material)
    return Thing("capsule", parts, r)


def _table(draw: Draw, material: Material) -> Thing:
    w, d, h = draw.between(0.8, 1.6), draw.between(0.6, 1.0), draw.between(0.5, 0.8)
    if draw.chance(0.35):
        r = min(w, d) * 0.62
        foot = post(0, 0, 0, r * 0.55, 0.04, material), post(0, 0.04, 0, 0.05, h - 0.09, material)
        return Thing("table", (*foot, post(0, h - 0.05, 0, r, 0.05, material)), r, (h, r * 0.8))
    x, z, t = w / 2 - 0.06, d / 2 - 0.06, draw.between(0.03, 0.05)
    legs = [box(sx * x, 0, sz * z, 2 * t, h - 0.05, 2 * t, material) for sx in (-1, 1) for sz in (-1, 1)]
    top = box(0, h - 0.05, 0, w, 0.05, d, material)
    return Thing("table", (*legs, top), float(np.hypot(w, d) / 2), (h, min(w, d) * 0.42))


def _chair(draw: Draw, material: Material) -> Thing:
    w, h, back = draw.between(0.4, 0.5), draw.between(0.42, 0.48), draw.between(0.4, 0.6)
    x = w / 2 - 0.03
    legs = [box(sx * x, 0, sz * x, 0.05, h, 0.05, material) for sx in (-1, 1) for sz in (-1, 1)]
    seat = box(0, h, 0, w, 0.06, w, material)
    rest = box(0, h + 0.06, -x, w, back, 0.05, material)
    return Thing("chair", (*legs, seat, rest), w * 0.72)


def _stool(draw: Draw, material: Material) -> Thing:
    r, h = draw.between(0.17, 0.26), draw.between(0.4, 0.7)
    parts = (
        post(0, 0, 0, r, 0.04, material),
        post(0, 0.04, 0, 0.04, h - 0.1, material),
        post(0, h - 0.06, 0, r, 0.06, material),
    )
    return Thing("stool", parts, r, (h, r * 0.7))


def _sofa(draw: Draw, material: Material) -> Thing:
    w, d, h = draw.between(1.4, 2.2), draw.between(0.75, 0.95), draw.between(0.38, 0.46)
    arm = draw.between(0.14, 0.22)
    parts = [
        box(0, 0, 0, w, h, d, material),
        box(0, h, -d / 2 + 0.12, w, draw.between(0.35, 0.5), 0.24, material),
        box(-w / 2 + arm / 2, h, 0, arm, 0.2, d, material),
        box(w / 2 - arm / 2, h, 0, arm, 0.2, d, material),
    ]
    cushion = paint(draw, draw.one_of(["red", "yellow", "blue", "white", "green"]), draw.weighted(_CLOTH), 0.3)
    for _ in range(draw.whole(0, 2)):
        x = draw.between(-w / 2 + 0.4, w / 2 - 0.4)
        lean = turned(draw.between(-0.3, 0.3), -0.35)
        parts.append(Part(BOX, (x, h + 0.2, -d / 2 + 0.32), (0.2, 0.2, 0.07), cushion, lean))
    return Thing("sofa", tuple(parts), w * 0.55)


_CLOTH = {textures.PLAIN: 3.0, textures.STRIPED: 1.0, textures.CHECKED: 1.0, textures.DOTTED: 1.0}


def _armchair(draw: Draw, material: Material) -> Thing:
    w, h = draw.between(0.75, 0.9), draw.between(0.36, 0.44)
    parts = (
        box(0, 0, 0, w, h, w, material),
        box(0, h, -w / 2 + 0.1, w, 0.45, 0.2, material),
        box(-w / 2 + 0.08, h, 0, 0.16, 0.2, w, material),
        box(w / 2 - 0.08, h, 0, 0.16, 0.2, w, material),
    )
    return Thing("armchair", parts, w * 0.7)


def _bed(draw: Draw, material: Material) -> Thing:
    w, length, h = draw.between(1.0, 1.8), draw.between(1.9, 2.1), draw.between(0.3, 0.45)
    wood, linen = paint(draw, draw.one_of(["brown", "white", "black"]), textures.WOOD), paint(draw, "white")
    pillows = 1 if w < 1.3 else 2
    parts = [
        box(0, 0.08, 0, w, h - 0.08, length, wood),
        box(0, h, 0.1, w - 0.06, 0.18, length - 0.25, material),
        box(0, 0, -length / 2, w, h + draw.between(0.4, 0.7), 0.06, wood),
    ]
    xs = [0.0] if pillows == 1 else [-w / 4, w / 4]
    parts += [Part(ELLIPSOID, (x, h + 0.22, -length / 2 + 0.32), (0.32, 0.1, 0.2), linen) for x in xs]
    return Thing("bed", tuple(parts), length * 0.62)


def _shelf(draw: Draw, material: Material) -> Thing:
    """A case open to the front, its boards full of books and boxes."""
    w, d, boards = draw.between(0.7, 1.3), draw.between(0.28, 0.4), draw.whole(2, 4)
    gap = draw.between(0.32, 0.42)
    h = boards * gap + 0.04
    parts = [box(0, 0, -d / 2 + 0.02, w, h, 0.04, material)]
    parts += [box(s * (w / 2 - 0.02), 0, 0, 0.04, h, d, material) for s in (-1, 1)]
    parts += [box(0, i * gap, 0, w, 0.04, d, material) for i in range(boards + 1)]
    for i in range(boards):
        share = draw.between(0.4, 0.95)
        size = gap * draw.between(0.55, 0.85)
        books = Material(
            paint(draw, "red", textures.PATCHWORK).colours,
            textures.PATCHWORK,
            density=draw.between(14, 26),
            seed=draw.whole(0, 2**20),
            grain=0.2,
        )
        left = draw.between(0, (w - 0.08) * (1 - share))
        middle = -w / 2 + 0.04 + left + share * (w - 0.08) / 2
        parts.append(box(middle, i * gap + 0.04, 0.02, share * (w - 0.08), size, d * 0.7, books))
    return Thing("bookcase", tuple(parts), float(np.hypot(w, d) / 2), (h + 0.0, d * 0.45), many_coloured=True)


def _cabinet(draw: Draw, material: Material) -> Thing:
    w, h, d = draw.between(0.7, 1.5), draw.between(0.6, 1.1), draw.between(0.35, 0.5)
    knob = paint(draw, draw.one_of(["yellow", "black", "white"]), gloss=0.6)
    doors = [box(s * w / 4, 0.08, d / 2, w / 2 - 0.03, h - 0.14, 0.03, material) for s in (-1, 1)]
    knobs = [ball(s * 0.05, h * 0.55, d / 2 + 0.04, 0.022, knob) for s in (-1, 1)]
    parts = box(0, 0, 0, w, h, d, material), *doors, *knobs
    return Thing("cabinet", parts, float(np.hypot(w, d) / 2), (h, d * 0.45))


def _lamp(draw: Draw, material: Material) -> Thing:
    h, r = draw.between(1.1, 1.6), draw.between(0.16, 0.26)
    metal = paint(draw, draw.one_of(["black", "grey", "brown"]), gloss=0.5)
    shade = Material(
        material.colours, material.family, material.density, glow=draw.between(0.5, 1.1), seed=material.seed
    )
    parts = (
        post(0, 0, 0, r * 0.7, 0.03, metal),
        post(0, 0.03, 0, 0.02, h, metal),
        post(0, h - 0.1, 0, r, 0.34, shade, taper=0.35, shadow=False),
    )
    return Thing("lamp", parts, r)


def _vase(draw: Draw, material: Material) -> Thing:
    h, r = draw.between(0.2, 0.45), draw.between(0.08, 0.15)
    parts = (
        post(0, 0, 0, r * 0.7, 0.03, material),
        ball(0, 0.01, 0, r, material, h / (2.4 * r)),
        post(0, h * 0.7, 0, r * 0.55, h * 0.3, material),
    )
    return Thing("vase", parts, r)


def _plant(draw: Draw, material: Material) -> Thing:
    h, r = draw.between(0.22, 0.4), draw.between(0.12, 0.22)
    leaves = photo_like_green(draw)
    parts = [Part(FRUSTUM, (0, h / 2, 0), (r, h / 2, r), material, turned(0, np.pi), (0.3, 0.0))]
    for _ in range(draw.whole(3, 6)):
        lean, around = draw.between(0.15, 0.8), draw.between(0, 6.28)
        length, wide = draw.between(0.25, 0.5), draw.between(0.05, 0.14)
        turn = turned(around, lean)
        middle = np.array([0, h, 0]) + turn @ np.array([0, length * 0.9, 0])
        parts.append(Part(ELLIPSOID, tuple(middle), (wide, length, wide * 0.6), leaves, turn))
    return Thing("plant", tuple(parts), r * 1.6, many_coloured=True)


def photo_like_green(draw: Draw) -> Material:
    """Leaves or grass: greens that vary as in photographs."""
    dry = draw.between(0.0, 0.25)
    base = mixed(paint(draw, "green").colours[0], (0.42, 0.42, 0.32), draw.between(0.1, 0.45))
    light = (base[0] + 0.1 + dry, base[1] + 0.1, base[2] * 0.8)
    dark = (base[0] * 0.5, base[1] * 0.6, base[2] * 0.6)
    frequency, roughness = draw.between(2.0, 6.0), draw.between(0.65, 0.9)
    return Material((base, dark, light), textures.MOTTLED, 4.0, frequency, roughness, 0.25, seed=draw.whole(0, 2**20))


def _books(draw: Draw, material: Material) -> Thing:
    parts, y = [], 0.0
    for i in range(draw.whole(2, 5)):
        cover = material if i == 0 else paint(draw, draw.one_of(["red", "blue", "green", "white", "black", "yellow"]))
        height = draw.between(0.025, 0.06)
        parts.append(
            box(
                0,
                y,
                0,
                draw.between(0.2, 0.28),
                height,
                draw.between(0.15, 0.2),
                cover,
                rotation=turned(draw.between(-0.5, 0.5)),
            )
        )
        y += height
    return Thing("pile of books", tuple(parts), 0.17, (y, 0.09), many_coloured=True)


def _mug(draw: Draw, material: Material) -> Thing:
    r, h = draw.between(0.05, 0.08), draw.between(0.1, 0.16)
    return Thing("mug", (post(0, 0, 0, r, h, material), box(r + 0.015, h * 0.25, 0, 0.03, h * 0.5, 0.02, material)), r)


def _bowl(draw: Draw, material: Material) -> Thing:
    r = draw.between(0.12, 0.2)
    fruit = [
        ball(
            r * 0.45 * np.cos(a),
            r * 0.45,
            r * 0.45 * np.sin(a),
            0.05,
            paint(draw, draw.one_of(["red", "orange", "green", "yellow"])),
        )
        for a in (0.3, 2.4, 4.5)
    ]
    bowl = Part(FRUSTUM, (0, r * 0.3, 0), (r, r * 0.3, r), material, turned(0, np.pi), (0.5, 0.0))
    return Thing("bowl", (bowl, *fruit), r, many_coloured=True)


def _screen(draw: Draw, material: Material) -> Thing:
    w = draw.between(0.5, 1.1)
    view = Material(photo_like(draw).colours, textures.PICTURE, frequency=3.0 / w, glow=0.5, seed=draw.whole(0, 2**20))
    parts = post(0, 0, 0, w * 0.2, 0.02, material), box(0, 0.02, 0, 0.05, 0.1, 0.03, material)
    front = box(0, 0.1, 0.02, w * 0.95, w * 0.55, 0.02, view)
    return Thing("screen", (*parts, box(0, 0.08, 0, w, w * 0.6, 0.04, material), front), w / 2, many_coloured=True)


SOLIDS: tuple[Builder, ...] = (_ball, _box, _cylinder, _cone, _pyramid, _capsule, _egg)
"""Plain shapes that lie about anywhere."""
CENTRAL: tuple[Builder, ...] = (_table, _chair, _stool, _armchair, _table, _plant, _box)
"""Furniture that stands free."""
BY_WALLS: tuple[Builder, ...] = (_sofa, _bed, _shelf, _cabinet, _lamp, _plant, _shelf, _armchair, _cabinet, _table)
"""Furniture that has its back to a wall."""
SMALL: tuple[Builder, ...] = (_vase, _books, _mug, _bowl, _ball, _egg, _cone, _cylinder, _box, _plant, _screen)
"""Wares that stand on others."""
WOODEN = frozenset({_table, _chair, _stool, _shelf, _cabinet})
"""What is mostly of wood."""
