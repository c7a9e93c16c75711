"""The ray caster for processors: one ray at a time, compiled by numba, outside Python's lock.

Pass 1 finds what the ray through each pixel's centre meets; distances are its. Pass 2 shades and averages four rays a
pixel, each with its own point of the light, which softens shadows. Where neighbours show the same primitive, only that
one is tried. A picture is cut into tiles, for which lists are made of all that can matter.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import numba
import numpy as np

from flashworld.training.worlds import cpu_rays, elementwise, light, shapes, textures
from flashworld.training.worlds.cpu_rays import (
    direction,
    gather,
    gather_near,
    gather_shading,
    hit,
    inlined,
    is_shaded,
    local,
    nearest,
    room,
)
from flashworld.training.worlds.elementwise import blend, larger
from flashworld.training.worlds.light import (
    CONTACT_FAR,
    CONTACT_NEAR,
    ambient,
    cloud_cover,
    contact_shade,
    haze_share,
    highlight,
    lamp_strength,
    response,
    sky_height,
    sun_glow,
)
from flashworld.training.worlds.scene import SceneArrays
from flashworld.training.worlds.shapes import MISS, gradient, surface_coordinates
from flashworld.training.worlds.textures import fractal, pattern, uses_fine_noise, visible_detail

TILE = 8
SEEN, SHADING, NEAR = range(3)
"""Rows of a tile's lists; two rows further down are lists of all primitives, for points outside the tile's ball."""
OFFSET = 0.02
"""Metres above a surface where its shadow ray begins."""
LIGHT_POINTS = np.array([[0.6, 0.3], [-0.3, 0.6], [0.3, -0.6], [-0.6, -0.3]])
"""Which point of the light's disc each of a pixel's four rays sees."""


@inlined
def _sky(scene, dx, dy, dz):
    """Linear colour seen in a direction where nothing is."""
    s, sun = scene.sky, scene.light
    up = sky_height(dy)
    cover = cloud_cover(dx, dy, dz, s[9], s[10], np.int64(s[12])) if s[9] > 0 and dy > 0 else 0.0
    glow = sun_glow(dx, dy, dz, sun[0], sun[1], sun[2]) * (1.0 - cover) * (1.0 - sun[8])
    return (
        blend(blend(s[3], s[0], up), s[6], cover) + glow * sun[3],
        blend(blend(s[4], s[1], up), s[7], cover) + glow * sun[4],
        blend(blend(s[5], s[2], up), s[8], cover) + glow * sun[5],
    )


@inlined
def _to_light(scene, x, y, z, point):
    """Unit vector and distance from a place to one point of the light, and the light's strength there."""
    sun = scene.light
    right, ahead = sun[6] * LIGHT_POINTS[point, 0], sun[6] * LIGHT_POINTS[point, 1]
    if sun[8] == 0.0:
        dx, dy, dz = sun[0] + right, sun[1], sun[2] + ahead
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        return dx / length, dy / length, dz / length, MISS, 1.0
    dx, dy, dz = sun[0] + right - x, sun[1] - y, sun[2] + ahead - z
    length = max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-6)
    return dx / length, dy / length, dz / length, length, lamp_strength(length, sun[7])


@inlined
def _reflectance(scene, i, px, py, pz, gx, gy, gz, footprint):
    """Linear colour of primitive i at a point in its own axes, metres."""
    density, frequency, roughness, grain = (
        scene.surface[i, 0],
        scene.surface[i, 1],
        scene.surface[i, 2],
        scene.surface[i, 3],
    )
    family, seed, height = scene.family[i], scene.seed[i], py / scene.half[i, 1]
    coarse = fractal(px, py, pz, frequency, roughness, footprint, seed)
    fine = 0.0
    if uses_fine_noise(family):
        fine = fractal(px + 7.3, py + 1.7, pz + 4.1, frequency * 2.6, roughness, footprint, seed + 31)
    u, v = surface_coordinates(scene.shape[i], px, py, pz, gx, gy, gz, scene.half[i, 0], density)
    detail = visible_detail(footprint, density)
    first, second = pattern(family, u, v, height, coarse, fine, seed, detail)
    shade = larger(1.0 + 1.5 * grain * coarse, 0.1)
    c = scene.colours
    return (
        blend(blend(c[i, 0, 0], c[i, 1, 0], first), c[i, 2, 0], second) * shade,
        blend(blend(c[i, 0, 1], c[i, 1, 1], first), c[i, 2, 1], second) * shade,
        blend(blend(c[i, 0, 2], c[i, 1, 2], first), c[i, 2, 2], second) * shade,
    )


@inlined
def _surface(scene, lists, nums, apart, i, ox, oy, oz, dx, dy, dz, t, footprint, point, open_share):
    """Linear colour of primitive i where a ray meets it, and the share of open sky there, computed if negative."""
    x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
    px, py, pz = local(scene, i, x - scene.centre[i, 0], y - scene.centre[i, 1], z - scene.centre[i, 2])
    hx, hy, hz = scene.half[i, 0], scene.half[i, 1], scene.half[i, 2]
    gx, gy, gz = gradient(scene.shape[i], px / hx, py / hy, pz / hz, scene.taper[i, 0], scene.taper[i, 1])
    nx, ny, nz = gx / hx, gy / hy, gz / hz
    r = scene.rotation
    nx, ny, nz = (
        r[i, 0, 0] * nx + r[i, 0, 1] * ny + r[i, 0, 2] * nz,
        r[i, 1, 0] * nx + r[i, 1, 1] * ny + r[i, 1, 2] * nz,
        r[i, 2, 0] * nx + r[i, 2, 1] * ny + r[i, 2, 2] * nz,
    )
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx / length, ny / length, nz / length
    slant = larger(-(nx * dx + ny * dy + nz * dz), 0.12)
    red, green, blue = _reflectance(scene, i, px, py, pz, gx, gy, gz, footprint * t / math.sqrt(slant))

    if open_share < 0.0:
        near = room(
            scene,
            lists[NEAR + apart],
            nums[NEAR + apart],
            x + CONTACT_NEAR * nx,
            y + CONTACT_NEAR * ny,
            z + CONTACT_NEAR * nz,
            CONTACT_NEAR,
        )
        far = room(
            scene,
            lists[NEAR + apart],
            nums[NEAR + apart],
            x + CONTACT_FAR * nx,
            y + CONTACT_FAR * ny,
            z + CONTACT_FAR * nz,
            CONTACT_FAR,
        )
        open_share = contact_shade(near, far)
    lx, ly, lz, distance, strength = _to_light(scene, x, y, z, point)
    facing = nx * lx + ny * ly + nz * lz
    shine = 0.0
    if facing > 0 and is_shaded(
        scene,
        lists[SHADING + apart],
        nums[SHADING + apart],
        x + OFFSET * nx,
        y + OFFSET * ny,
        z + OFFSET * nz,
        lx,
        ly,
        lz,
        distance,
    ):
        facing = 0.0
    if facing > 0:
        shine = scene.surface[i, 4] * strength * highlight(nx, ny, nz, lx, ly, lz, -dx, -dy, -dz)
    direct = strength * larger(facing, 0.0)
    a, sun, glow, s = scene.around, scene.light, scene.surface[i, 5], scene.sky
    mist = haze_share(t, s[11])
    return (
        blend(
            red * (direct * sun[3] + open_share * ambient(ny, a[3], a[0]) + glow) + shine * sun[3],
            s[3],
            mist,
        ),
        blend(
            green * (direct * sun[4] + open_share * ambient(ny, a[4], a[1]) + glow) + shine * sun[4],
            s[4],
            mist,
        ),
        blend(
            blue * (direct * sun[5] + open_share * ambient(ny, a[5], a[2]) + glow) + shine * sun[5],
            s[5],
            mist,
        ),
        open_share,
    )


@inlined
def _look(scene, camera, lists, distance, index):
    """Pass 1: distance and primitive (-1 for sky) along the ray through the centre of each pixel."""
    height, width = distance.shape
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            num = gather(scene, camera, left / width, right / width, top / height, bottom / height, lists[SEEN])
            for row in range(top, bottom):
                for column in range(left, right):
                    dx, dy, dz = direction(camera, (column + 0.5) / width, (row + 0.5) / height)
                    t, i = nearest(scene, lists[SEEN], num, camera[0], camera[1], camera[2], dx, dy, dz)
                    distance[row, column], index[row, column] = t, i


@inlined
def _ball(camera, distance, top, bottom, left, right):
    """A ball around all points that the centres of a tile's pixels show; of radius -1 if they show none."""
    height, width = distance.shape
    low_x, low_y, low_z, high_x, high_y, high_z = MISS, MISS, MISS, -MISS, -MISS, -MISS
    for row in range(top, bottom):
        for column in range(left, right):
            t = distance[row, column]
            if t < MISS:
                dx, dy, dz = direction(camera, (column + 0.5) / width, (row + 0.5) / height)
                x, y, z = camera[0] + t * dx, camera[1] + t * dy, camera[2] + t * dz
                low_x, low_y, low_z = min(low_x, x), min(low_y, y), min(low_z, z)
                high_x, high_y, high_z = max(high_x, x), max(high_y, y), max(high_z, z)
    if low_x > high_x:
        return 0.0, 0.0, 0.0, -1.0
    x, y, z = high_x - low_x, high_y - low_y, high_z - low_z
    # A fifth more, since rays beside the centres of border pixels end a little outside.
    radius = 0.6 * math.sqrt(x * x + y * y + z * z)
    return 0.5 * (low_x + high_x), 0.5 * (low_y + high_y), 0.5 * (low_z + high_z), radius


@inlined
def _is_uniform(index, row, column):
    """Whether a pixel and all its neighbours show the same primitive, or all the sky."""
    height, width = index.shape
    for y in range(max(row - 1, 0), min(row + 2, height)):
        for x in range(max(column - 1, 0), min(column + 2, width)):
            if index[y, x] != index[row, column]:
                return False
    return True


@inlined
def shade_pixel(scene, camera, lists, nums, ball, index, row, column, rgb):
    """Average the light of four rays through a pixel."""
    height, width = index.shape
    ox, oy, oz = camera[0], camera[1], camera[2]
    footprint = 0.5 / (camera[12] * width)
    only = index[row, column] if _is_uniform(index, row, column) else -2
    previous, open_share = -1, -1.0
    for k in range(4):
        dx, dy, dz = direction(camera, (column + 0.25 + 0.5 * (k % 2)) / width, (row + 0.25 + 0.5 * (k // 2)) / height)
        t, i = MISS, only
        if only >= 0:
            t = hit(scene, only, ox, oy, oz, dx, dy, dz)
        if t == MISS and only != -1:
            t, i = nearest(scene, lists[SEEN], nums[SEEN], ox, oy, oz, dx, dy, dz)
        if i < 0:
            red, green, blue = _sky(scene, dx, dy, dz)
        else:
            if i != previous:  # contact shade varies slowly: one a pixel and primitive is enough
                previous, open_share = i, -1.0
            x, y, z = ox + t * dx - ball[0], oy + t * dy - ball[1], oz + t * dz - ball[2]
            apart = 0 if x * x + y * y + z * z <= ball[3] * ball[3] else 2
            red, green, blue, open_share = _surface(
                scene, lists, nums, apart, i, ox, oy, oz, dx, dy, dz, t, footprint, k, open_share
            )
        rgb[0, row, column] += 0.25 * red
        rgb[1, row, column] += 0.25 * green
        rgb[2, row, column] += 0.25 * blue
    for channel in range(3):
        rgb[channel, row, column] = response(rgb[channel, row, column])


def _kernels(sources: str) -> list[Any]:
    """The kernels. `sources` names the formulas' text: numba keeps machine code under what a function closes over."""

    def cast_view(scene, camera, colour, rgb, distance, index):
        """One view: `rgb` [3, H, W] 0 to 1, `distance` [H, W] in metres (`MISS` for sky) and `index` [H, W] (-1 sky).

        `camera` is place 3, rotation 9 (rows), intrinsics 4. Without `colour` only a look is taken.
        """
        _ = sources  # the kernel closes over it, so it is part of the cache's key
        height, width = distance.shape
        lists = np.empty((5, len(scene.radius)), np.int64)
        nums = np.empty(5, np.int64)
        _look(scene, camera, lists, distance, index)
        if not colour:
            return
        nums[2 + SHADING] = gather_shading(scene, 0.0, 0.0, 0.0, MISS, lists[2 + SHADING])
        nums[2 + NEAR] = gather_near(scene, 0.0, 0.0, 0.0, MISS, lists[2 + NEAR])
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                bottom, right = min(top + TILE, height), min(left + TILE, width)
                ball = _ball(camera, distance, top, bottom, left, right)
                nums[SEEN] = gather(
                    scene, camera, left / width, right / width, top / height, bottom / height, lists[SEEN]
                )
                nums[SHADING] = gather_shading(scene, *ball, lists[SHADING])
                nums[NEAR] = gather_near(scene, ball[0], ball[1], ball[2], ball[3] + 2 * CONTACT_FAR, lists[NEAR])
                for row in range(top, bottom):
                    for column in range(left, right):
                        shade_pixel(scene, camera, lists, nums, ball, index, row, column, rgb)

    def free_room(scene, points, limit, free):
        """Distance `free` [n] from each of `points` [n, 3] to the nearest surface, at most `limit`."""
        _ = sources
        candidates = np.arange(len(scene.radius))
        for k in range(len(points)):
            free[k] = room(scene, candidates, len(candidates), points[k, 0], points[k, 1], points[k, 2], limit)

    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz", "arcp"}}
    try:
        return [numba.njit(cache=True, **options)(function) for function in (cast_view, free_room)]
    except RuntimeError:  # neither folder for machine code can be written: every process compiles for itself
        return [numba.njit(**options)(function) for function in (cast_view, free_room)]


def _digest() -> str:
    """Of everything that the kernel is compiled from besides this file, at which numba looks itself."""
    texts = [Path(str(module.__file__)).read_bytes() for module in (cpu_rays, elementwise, light, shapes, textures)]
    return hashlib.sha256(b"".join(texts)).hexdigest()


_cast_view, _free_room = _kernels(_digest())


def cast_view(
    scene: SceneArrays, camera: np.ndarray, height: int, width: int, colour: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a camera sees: colour [3, H, W] of 0 to 1, distance [H, W] in metres, thing [H, W].

    Args:
        scene: the place.
        camera: [16] place, rotation by rows (world from camera), fx/W, fy/H, cx/W, cy/H.
        height: rows of the picture.
        width: columns of the picture.
        colour: without it, colours stay black and the call is some ten times as fast.

    Distance is `MISS` where only the sky is; there, thing is -2. It is -1 on what has no name of its own.
    """
    rgb = np.zeros((3, height, width), np.float64)
    distance = np.empty((height, width), np.float64)
    index = np.empty((height, width), np.int64)
    _cast_view(scene, np.asarray(camera, np.float64), colour, rgb, distance, index)
    return rgb, distance, np.where(index < 0, -2, scene.thing[index])


def free_room(scene: SceneArrays, points: np.ndarray, limit: float = 1.0) -> np.ndarray:
    """Distance in metres from each point [n, 3] to the nearest surface, at most `limit`; negative inside things."""
    free = np.empty(len(points), np.float64)
    _free_room(scene, np.ascontiguousarray(points, np.float64), limit, free)
    return free
