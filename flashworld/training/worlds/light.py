"""Light: one sun or lamp with a shadow, soft light from above and below, sky, haze, and the camera's response.

All colours are linear until `response` turns them into what a picture stores.
"""

from flashworld.training.worlds.elementwise import blend, clamp, exp, formula, larger, smaller, sqrt
from flashworld.training.worlds.textures import fractal

CONTACT_NEAR, CONTACT_FAR = 0.12, 0.5
"""Metres above a surface at which room is looked for: where something is nearer, ambient light is missing."""


@formula
def contact_shade(room_near, room_far):
    """Share of ambient light that reaches a point, from the free room found at the two distances above it."""
    near, far = clamp(room_near / CONTACT_NEAR, 0.0, 1.0), clamp(room_far / CONTACT_FAR, 0.0, 1.0)
    return (0.45 + 0.55 * near) * (0.4 + 0.6 * far)


@formula
def lamp_strength(distance, reach):
    """How strong a lamp still is: it halves at its `reach`, and softly, as light that walls give back fills in."""
    return 1.0 / (1.0 + (distance / reach) * (distance / reach))


@formula
def ambient(normal_up, from_below, from_above):
    """Light that arrives from everywhere, as the upward component of a normal divides it."""
    return blend(from_below, from_above, 0.5 + 0.5 * normal_up)


@formula
def highlight(nx, ny, nz, lx, ly, lz, vx, vy, vz):
    """Blinn and Phong's highlight for a normal and unit vectors to the light and to the viewer."""
    hx, hy, hz = lx + vx, ly + vy, lz + vz
    length = larger(sqrt(hx * hx + hy * hy + hz * hz), 1e-6)
    c = clamp((nx * hx + ny * hy + nz * hz) / length, 0.0, 1.0)
    c = c * c
    c = c * c
    c = c * c
    return c * c * c * c


@formula
def haze_share(distance, density):
    """Share of what is seen that is haze."""
    return 1.0 - exp(-distance * density)


@formula
def cloud_cover(dx, dy, dz, cover, scale, seed):
    """Opacity of the clouds in a direction: fractal noise on a flat layer overhead, thinning at the horizon."""
    up = larger(dy, 0.03)
    value = fractal(dx / up, 0.37 + 0.0 * dx, dz / up, scale, 0.55, 0.02 / (up * up), seed)
    return clamp((value + 2.0 * cover - 1.0) * 2.5, 0.0, 1.0) * clamp(dy * 7.0, 0.0, 1.0)


@formula
def sky_height(dy):
    """Share of the zenith's colour in a direction, the rest being the horizon's."""
    up = clamp(dy, 0.0, 1.0)
    return 1.0 - (1.0 - up) * (1.0 - up) * (1.0 - up)


@formula
def sun_glow(dx, dy, dz, lx, ly, lz):
    """Brightness around the sun: a wide glow and a small disc."""
    c = clamp(dx * lx + dy * ly + dz * lz, 0.0, 1.0)
    c4 = c * c * c * c
    wide = c4 * c4
    disc = clamp((c - 0.9985) * 2000.0, 0.0, 1.0)
    return 0.35 * wide * c4 + 2.0 * disc


@formula
def response(x):
    """Linear light to a picture's value of 0 to 1: bright things saturate softly; gamma 2.2."""
    bright = 1.0 - exp(-1.7 * larger(x, 0.0))
    return smaller(larger(bright, 1e-8) ** 0.45454545, 1.0)
