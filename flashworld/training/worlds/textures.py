"""What surfaces look like: noise, and patterns, which are two numbers of 0 to 1 that mix a material's three colours.

Patterns live in cells (u, v) on the surface, noise in metres in the solid. Both fade to their mean as a pixel's
footprint outgrows them, so that nothing flickers between views and what is far stays calm.
"""

from flashworld.training.worlds.elementwise import (
    blend,
    clamp,
    exp,
    floor,
    formula,
    fraction,
    larger,
    magnitude,
    needed,
    sine,
    where,
    whole,
)

PLAIN, CHECKED, STRIPED, BANDED, BRICK, TILED, DOTTED, SHADED = range(8)
WOOD, MARBLE, MOTTLED, PLANKS, PATCHWORK, PICTURE = range(8, 14)

OCTAVES = 5


@formula
def scatter(x, y, z, seed):
    """A number of 0 to 1 for a cell of whole coordinates, which no neighbour's tells.

    Integers of 64 bits, kept below 2^32 between products below 2^63, so that every machine gives the same.
    """
    h = (whole(x) * 374761393 + whole(y) * 668265263 + whole(z) * 974634777 + seed * 144305901) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFFFF) * (1.0 / 16777216.0)


@formula
def noise(x, y, z, seed):
    """Value noise of 0 to 1: smooth between random numbers at whole coordinates."""
    i, j, k = floor(x), floor(y), floor(z)
    fx, fy, fz = x - i, y - j, z - k
    sx, sy, sz = fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy), fz * fz * (3.0 - 2.0 * fz)
    lower = blend(
        blend(scatter(i, j, k, seed), scatter(i + 1.0, j, k, seed), sx),
        blend(scatter(i, j + 1.0, k, seed), scatter(i + 1.0, j + 1.0, k, seed), sx),
        sy,
    )
    k = k + 1.0
    upper = blend(
        blend(scatter(i, j, k, seed), scatter(i + 1.0, j, k, seed), sx),
        blend(scatter(i, j + 1.0, k, seed), scatter(i + 1.0, j + 1.0, k, seed), sx),
        sy,
    )
    return blend(lower, upper, sz)


@formula
def visible_detail(footprint, frequency):
    """Share of a detail of `frequency` to a metre that pixels covering `footprint` metres can show."""
    return clamp(1.5 - 2.0 * footprint * frequency, 0.0, 1.0)


@formula
def fractal(x, y, z, frequency, roughness, footprint, seed):
    """Fractal noise of mean 0, about -1 to 1: octaves, each weaker by `roughness` (0.5: 1/f as in photographs)."""
    total, strength = 0.0 * x, 1.0 + 0.0 * x
    for octave in range(OCTAVES):
        share = strength * visible_detail(footprint, frequency)
        if needed(share > 0.0):
            total = total + share * (noise(x * frequency, y * frequency, z * frequency, seed + octave) - 0.5)
        strength, frequency = strength * roughness, frequency * 2.03
    return total * 2.2


@formula
def _odd(x):
    """1 where the floor of x is odd."""
    return 2.0 * fraction(0.5 * floor(x))


@formula
def _joint(u, v, width):
    """1 in the joints along the edges of cells."""
    return where((fraction(u) < width) | (fraction(v) < width), 1.0, 0.0)


@formula
def _brick(u, v, seed):
    row = floor(v)
    u = 0.5 * u + 0.5 * _odd(v)
    joint = where((fraction(u) < 0.05) | (fraction(v) < 0.1), 1.0, 0.0)
    return where(joint > 0.5, 1.0, 0.35 * scatter(floor(u), row, 0.0 * u, seed))


@formula
def _planks(u, v, seed, grain):
    row = floor(v)
    along = 0.22 * u + scatter(row, 0.0 * u, 0.0 * u, seed)
    tone = 0.65 * scatter(row, floor(along), 0.0 * u, seed + 1) + 0.18 * grain
    gap = where((fraction(v) < 0.06) | (fraction(along) < 0.012), 1.0, 0.0)
    return where(gap > 0.5, 1.0, clamp(tone, 0.0, 0.8))


@formula
def _dots(u, v):
    x, y = fraction(u) - 0.5, fraction(v) - 0.5
    return where(x * x + y * y < 0.085, 1.0, 0.0)


@formula
def uses_fine_noise(family):
    """Whether a pattern looks at the finer of its two noises."""
    return (family == PLANKS) | (family == MARBLE) | (family == MOTTLED) | (family == PICTURE)


@formula
def pattern(family, u, v, height, coarse, fine, seed, detail):
    """The two mixing numbers of a material at a point.

    `height` is -1 to 1 from the shape's foot to its top, `coarse` and `fine` two fractal noises, `detail` the share of
    the cells' structure that pixels can show.
    """
    cell_u, cell_v, none = floor(u), floor(v), 0.0 * u
    first, second = none, none
    if needed(family == CHECKED):
        first = where(family == CHECKED, blend(0.5, magnitude(_odd(u) - _odd(v)), detail), first)
    if needed((family == STRIPED) | (family == BANDED)):
        first = where(family == STRIPED, blend(0.5, _odd(u), detail), first)
        first = where(family == BANDED, blend(0.5, _odd(v), detail), first)
    if needed(family == BRICK):
        first = where(family == BRICK, blend(0.3, _brick(u, v, seed), detail), first)
    if needed(family == TILED):
        tile = where(_joint(u, v, 0.06) > 0.5, 1.0, 0.3 * scatter(cell_u, cell_v, none, seed))
        first = where(family == TILED, blend(0.25, tile, detail), first)
    if needed(family == DOTTED):
        first = where(family == DOTTED, blend(0.27, _dots(u, v), detail), first)
    if needed(family == PLANKS):
        first = where(family == PLANKS, blend(0.4, _planks(u, v, seed, fine), detail), first)
    if needed(family == PATCHWORK):
        first = where(family == PATCHWORK, blend(0.5, scatter(cell_u, cell_v, none, seed), detail), first)
        other = where(scatter(cell_v, cell_u, none, seed + 7) > 0.62, detail, 0.0)
        second = where(family == PATCHWORK, other, second)
    if needed(family == SHADED):
        first = where(family == SHADED, 0.5 + 0.5 * height, first)
    if needed(family == WOOD):
        first = where(family == WOOD, 0.5 + 0.5 * sine(9.0 * u + 5.0 * coarse), first)
    if needed(family == MARBLE):
        first = where(family == MARBLE, exp(-9.0 * magnitude(coarse)) + 0.12 * fine, first)
    if needed(family == MOTTLED):
        first = where(family == MOTTLED, 0.5 + 0.75 * coarse, first)
        second = where(family == MOTTLED, 0.4 + 0.9 * fine, second)
    if needed(family == PICTURE):
        picture = clamp(0.5 + 4.0 * (height + 0.35 * coarse), 0.0, 1.0)
        first = where(family == PICTURE, picture, first)
        tint = clamp(0.8 * fine + 0.2, 0.0, 1.0) * larger(0.4, 1.0 - picture)
        second = where(family == PICTURE, tint, second)
    return clamp(first, 0.0, 1.0), clamp(second, 0.0, 1.0)
