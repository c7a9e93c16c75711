"""Colours and patterns with their names, and the materials made of them."""

from flashworld.training.worlds import textures
from flashworld.training.worlds.scene import Material, Vector
from flashworld.training.worlds.seeds import Draw

COLOURS: dict[str, Vector] = {
    "red": (0.80, 0.12, 0.10),
    "orange": (0.93, 0.49, 0.10),
    "yellow": (0.94, 0.80, 0.18),
    "green": (0.20, 0.55, 0.20),
    "turquoise": (0.15, 0.66, 0.64),
    "blue": (0.13, 0.33, 0.76),
    "purple": (0.50, 0.22, 0.64),
    "pink": (0.93, 0.55, 0.66),
    "brown": (0.45, 0.28, 0.15),
    "beige": (0.85, 0.76, 0.60),
    "black": (0.10, 0.10, 0.11),
    "grey": (0.52, 0.53, 0.54),
    "white": (0.93, 0.92, 0.90),
}
"""Name to sRGB, as captions use them."""

PATTERNS: dict[int, str] = {
    textures.PLAIN: "plain",
    textures.CHECKED: "checkered",
    textures.STRIPED: "striped",
    textures.BANDED: "striped",
    textures.BRICK: "brick",
    textures.TILED: "tiled",
    textures.DOTTED: "spotted",
    textures.SHADED: "plain",
    textures.WOOD: "wooden",
    textures.MARBLE: "marbled",
    textures.MOTTLED: "mottled",
    textures.PLANKS: "wooden",
    textures.PATCHWORK: "patchwork",
    textures.PICTURE: "painted",
}
"""A texture's family to the word of captions."""

DECOR = {
    textures.PLAIN: 8,
    textures.CHECKED: 1.2,
    textures.STRIPED: 1.2,
    textures.BANDED: 1.2,
    textures.DOTTED: 1.2,
    textures.SHADED: 1,
    textures.WOOD: 1.5,
    textures.MARBLE: 1.2,
    textures.MOTTLED: 2,
    textures.TILED: 0.7,
    textures.BRICK: 0.7,
    textures.PATCHWORK: 0.8,
}
"""How often things wear a pattern."""


def tinted(draw: Draw, colour: str, spread: float = 0.07) -> Vector:
    """A shade of a named colour."""
    light = 1.0 + draw.between(-2 * spread, 2 * spread)
    red, green, blue = (min(max(c * light + draw.between(-spread, spread) / 2, 0.02), 0.98) for c in COLOURS[colour])
    return red, green, blue


def mixed(a: Vector, b: Vector, share: float) -> Vector:
    """Between two colours."""
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return red, green, blue


def paint(draw: Draw, colour: str, family: int = textures.PLAIN, size: float = 0.6, **changes: float) -> Material:
    """A material of a named colour for a thing some `size` metres across; `changes` set its fields."""
    main = tinted(draw, colour)
    other = tinted(draw, draw.one_of([name for name in COLOURS if name != colour]))
    if family in (textures.BRICK, textures.TILED):
        other = mixed(main, (0.85, 0.83, 0.8) if draw.chance(0.7) else (0.25, 0.24, 0.23), 0.75)
    elif family in (textures.WOOD, textures.PLANKS, textures.MARBLE):
        darker = family != textures.MARBLE or draw.chance(0.3)
        other = mixed(main, (0.08, 0.05, 0.03) if darker else (0.95, 0.94, 0.92), draw.between(0.35, 0.65))
    elif family in (textures.SHADED, textures.MOTTLED):
        other = mixed(main, other if draw.chance(0.5) else (0.05, 0.05, 0.05), draw.between(0.3, 0.7))
    third = tinted(draw, draw.one_of(list(COLOURS))) if family == textures.PATCHWORK else mixed(main, other, 0.5)
    fields = {
        "density": draw.between(2.5, 5.0) / size,
        "frequency": draw.between(0.8, 3.0) / size,
        "roughness": draw.between(0.45, 0.75),
        "grain": draw.between(0.03, 0.3) * (1.5 if draw.chance(0.2) else 1.0),
        "gloss": draw.between(0.1, 0.6) if draw.chance(0.35) else 0.0,
    }
    return Material((main, other, third), family=family, seed=draw.whole(0, 2**20), **{**fields, **changes})


def photo_like(draw: Draw, size: float = 0.6) -> Material:
    """Fractal noise of three colours with a spectrum as photographs have."""
    names = list(COLOURS)
    colours = tinted(draw, draw.one_of(names)), tinted(draw, draw.one_of(names)), tinted(draw, draw.one_of(names))
    return Material(
        colours,
        family=textures.MOTTLED,
        frequency=draw.between(0.7, 2.5) / size,
        roughness=draw.between(0.5, 0.85),
        grain=draw.between(0.1, 0.5),
        seed=draw.whole(0, 2**20),
    )
