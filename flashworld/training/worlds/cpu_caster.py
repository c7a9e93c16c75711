"""The ray caster for processors: one ray at a time, compiled by numba, outside Python's lock.

A picture is cut into tiles; each gets the list of the primitives whose bounding balls its cone of rays meets. Four rays
a pixel are shaded and averaged, each with its own point of the light, which softens shadows; distance and thing are
those of a fifth ray through the pixel's centre.
"""

import hashlib
from pathlib import Path

import numba
import numpy as np

from flashworld.training.worlds import elementwise, light, shapes, textures
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
from flashworld.training.worlds.shapes import (
    BOX,
    ELLIPSOID,
    MISS,
    PLANE,
    box_distance,
    box_hit,
    ellipsoid_distance,
    ellipsoid_hit,
    frustum_distance,
    frustum_hit,
    gradient,
    plane_hit,
    surface_coordinates,
)
from flashworld.training.worlds.textures import fractal, pattern, visible_detail

TILE = 8
OFFSET = 0.02
"""Metres above a surface where its shadow ray begins."""
LIGHT_POINTS = np.array([[0.6, 0.3], [-0.3, 0.6], [0.3, -0.6], [-0.6, -0.3]])
"""Which point of the light's disc each of a pixel's four rays sees."""

_inlined = numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})


@_inlined
def _local(scene, i, x, y, z):
    """A vector of the world along the axes of primitive i."""
    r = scene.rotation
    return (
        r[i, 0, 0] * x + r[i, 1, 0] * y + r[i, 2, 0] * z,
        r[i, 0, 1] * x + r[i, 1, 1] * y + r[i, 2, 1] * z,
        r[i, 0, 2] * x + r[i, 1, 2] * y + r[i, 2, 2] * z,
    )


@_inlined
def _hit(scene, i, ox, oy, oz, dx, dy, dz):
    """Distance along a ray to primitive i, or `MISS`."""
    c, h, shape = scene.centre, scene.half, scene.shape[i]
    ox, oy, oz = _local(scene, i, ox - c[i, 0], oy - c[i, 1], oz - c[i, 2])
    dx, dy, dz = _local(scene, i, dx, dy, dz)
    if shape == PLANE:
        return plane_hit(oy, dy)
    hx, hy, hz = h[i, 0], h[i, 1], h[i, 2]
    ox, oy, oz, dx, dy, dz = ox / hx, oy / hy, oz / hz, dx / hx, dy / hy, dz / hz
    if shape == ELLIPSOID:
        return ellipsoid_hit(ox, oy, oz, dx, dy, dz)
    if shape == BOX:
        return box_hit(ox, oy, oz, dx, dy, dz, scene.taper[i, 0], scene.taper[i, 1])
    return frustum_hit(ox, oy, oz, dx, dy, dz, scene.taper[i, 0])


@_inlined
def _nearest(scene, candidates, num, ox, oy, oz, dx, dy, dz):
    """Distance to and index of the first primitive on a ray; index -1 if there is none."""
    best, found = MISS, -1
    for k in range(num):
        i = candidates[k]
        radius = scene.radius[i]
        if radius < MISS:
            x, y, z = scene.centre[i, 0] - ox, scene.centre[i, 1] - oy, scene.centre[i, 2] - oz
            along = x * dx + y * dy + z * dz
            if along + radius < 0 or along - radius > best:
                continue
            if x * x + y * y + z * z - along * along > radius * radius:
                continue
        t = _hit(scene, i, ox, oy, oz, dx, dy, dz)
        if t < best:
            best, found = t, i
    return best, found


@_inlined
def _is_shaded(scene, ox, oy, oz, dx, dy, dz, limit):
    """Whether something stands between a point and the light, `limit` metres away."""
    for i in range(len(scene.radius)):
        radius = scene.radius[i]
        if scene.shadow[i] == 0.0 or radius > MISS:
            continue
        x, y, z = scene.centre[i, 0] - ox, scene.centre[i, 1] - oy, scene.centre[i, 2] - oz
        along = x * dx + y * dy + z * dz
        if along + radius < 0 or along - radius > limit:
            continue
        if x * x + y * y + z * z - along * along > radius * radius:
            continue
        if _hit(scene, i, ox, oy, oz, dx, dy, dz) < limit:
            return True
    return False


@_inlined
def _room(scene, x, y, z, limit):
    """Distance from a point to the nearest surface, at most `limit`."""
    best = limit
    for i in range(len(scene.radius)):
        c = scene.centre
        px, py, pz = x - c[i, 0], y - c[i, 1], z - c[i, 2]
        reach = scene.radius[i] + best
        if px * px + py * py + pz * pz > reach * reach:
            continue
        px, py, pz = _local(scene, i, px, py, pz)
        h, k, shape = scene.half, scene.taper, scene.shape[i]
        if shape == PLANE:
            best = min(best, py)
        elif shape == ELLIPSOID:
            best = min(best, ellipsoid_distance(px, py, pz, h[i, 0], h[i, 1], h[i, 2]))
        elif shape == BOX:
            best = min(best, box_distance(px, py, pz, h[i, 0], h[i, 1], h[i, 2], k[i, 0], k[i, 1]))
        else:
            best = min(best, frustum_distance(px, py, pz, h[i, 0], h[i, 1], k[i, 0]))
    return best


@_inlined
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


@_inlined
def _to_light(scene, x, y, z, point):
    """Unit vector and distance from a place to one point of the light, and the light's strength there."""
    sun = scene.light
    right, ahead = sun[6] * LIGHT_POINTS[point, 0], sun[6] * LIGHT_POINTS[point, 1]
    if sun[8] == 0.0:
        dx, dy, dz = sun[0] + right, sun[1], sun[2] + ahead
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        return dx / length, dy / length, dz / length, MISS, 1.0
    dx, dy, dz = sun[0] + right - x, sun[1] - y, sun[2] + ahead - z
    length = max(np.sqrt(dx * dx + dy * dy + dz * dz), 1e-6)
    return dx / length, dy / length, dz / length, length, lamp_strength(length, sun[7])


@_inlined
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
    fine = fractal(px + 7.3, py + 1.7, pz + 4.1, frequency * 2.6, roughness, footprint, seed + 31)
    u, v = surface_coordinates(scene.shape[i], px, py, pz, gx, gy, gz, scene.half[i, 0], density)
    detail = visible_detail(footprint, density)
    first, second = pattern(family, u, v, height, coarse, fine, seed, detail)
    shade = larger(1.0 + grain * (coarse + fine), 0.1)
    c = scene.colours
    return (
        blend(blend(c[i, 0, 0], c[i, 1, 0], first), c[i, 2, 0], second) * shade,
        blend(blend(c[i, 0, 1], c[i, 1, 1], first), c[i, 2, 1], second) * shade,
        blend(blend(c[i, 0, 2], c[i, 1, 2], first), c[i, 2, 2], second) * shade,
    )


@_inlined
def _surface(scene, i, ox, oy, oz, dx, dy, dz, t, footprint, point):
    """Linear colour of primitive i where a ray meets it."""
    x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
    px, py, pz = _local(scene, i, x - scene.centre[i, 0], y - scene.centre[i, 1], z - scene.centre[i, 2])
    hx, hy, hz = scene.half[i, 0], scene.half[i, 1], scene.half[i, 2]
    gx, gy, gz = gradient(scene.shape[i], px / hx, py / hy, pz / hz, scene.taper[i, 0], scene.taper[i, 1])
    nx, ny, nz = gx / hx, gy / hy, gz / hz
    r = scene.rotation
    nx, ny, nz = (
        r[i, 0, 0] * nx + r[i, 0, 1] * ny + r[i, 0, 2] * nz,
        r[i, 1, 0] * nx + r[i, 1, 1] * ny + r[i, 1, 2] * nz,
        r[i, 2, 0] * nx + r[i, 2, 1] * ny + r[i, 2, 2] * nz,
    )
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx / length, ny / length, nz / length
    slant = larger(-(nx * dx + ny * dy + nz * dz), 0.12)
    red, green, blue = _reflectance(scene, i, px, py, pz, gx, gy, gz, footprint * t / np.sqrt(slant))

    near = _room(scene, x + CONTACT_NEAR * nx, y + CONTACT_NEAR * ny, z + CONTACT_NEAR * nz, CONTACT_NEAR)
    far = _room(scene, x + CONTACT_FAR * nx, y + CONTACT_FAR * ny, z + CONTACT_FAR * nz, CONTACT_FAR)
    open_share = contact_shade(near, far)
    lx, ly, lz, distance, strength = _to_light(scene, x, y, z, point)
    facing = nx * lx + ny * ly + nz * lz
    shine = 0.0
    if facing > 0 and _is_shaded(scene, x + OFFSET * nx, y + OFFSET * ny, z + OFFSET * nz, lx, ly, lz, distance):
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
    )


@_inlined
def _direction(camera, right, down):
    """Unit direction, in the world, of the ray through a place of the picture, 0 to 1 from its upper left corner."""
    x, y = (right - camera[14]) / camera[12], (camera[15] - down) / camera[13]
    dx = camera[3] * x + camera[4] * y - camera[5]
    dy = camera[6] * x + camera[7] * y - camera[8]
    dz = camera[9] * x + camera[10] * y - camera[11]
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    return dx / length, dy / length, dz / length


@_inlined
def _gather(scene, camera, left, right, top, bottom, candidates):
    """Fill in the primitives that rays between those borders of the picture may meet, and tell how many."""
    ax, ay, az = _direction(camera, 0.5 * (left + right), 0.5 * (top + bottom))
    cosine = 1.0
    for corner in range(4):
        bx, by, bz = _direction(camera, left if corner % 2 else right, top if corner // 2 else bottom)
        cosine = min(cosine, ax * bx + ay * by + az * bz)
    sine = np.sqrt(max(1.0 - cosine * cosine, 0.0))
    num = 0
    for i in range(len(scene.radius)):
        radius = scene.radius[i]
        x, y, z = scene.centre[i, 0] - camera[0], scene.centre[i, 1] - camera[1], scene.centre[i, 2] - camera[2]
        along = x * ax + y * ay + z * az
        beside = np.sqrt(max(x * x + y * y + z * z - along * along, 0.0))
        # Distance from the ball's centre to the surface of the cone.
        if radius > MISS or beside * cosine - along * sine <= radius:
            candidates[num] = i
            num += 1
    return num


def _kernel(sources: str):
    """The kernel. `sources` names the formulas' text: numba keeps machine code under what a kernel closes over."""

    def cast_view(scene, camera, samples, rgb, distance, thing):
        """One view: `rgb` [3, H, W] 0 to 1, `distance` [H, W] in metres (`MISS` for sky) and `thing` [H, W] (-2 sky).

        `camera` is place 3, rotation 9 (rows), intrinsics 4. `samples` is 4, or 0 for a look without colour.
        """
        _ = sources  # the kernel closes over it, so it is part of the cache's key
        height, width = distance.shape
        candidates = np.empty(len(scene.radius), np.int64)
        ox, oy, oz = camera[0], camera[1], camera[2]
        footprint = 0.5 / (camera[12] * width)
        for tile_y in range(0, height, TILE):
            for tile_x in range(0, width, TILE):
                last_y, last_x = min(tile_y + TILE, height), min(tile_x + TILE, width)
                num = _gather(
                    scene, camera, tile_x / width, last_x / width, tile_y / height, last_y / height, candidates
                )
                for row in range(tile_y, last_y):
                    for column in range(tile_x, last_x):
                        dx, dy, dz = _direction(camera, (column + 0.5) / width, (row + 0.5) / height)
                        t, i = _nearest(scene, candidates, num, ox, oy, oz, dx, dy, dz)
                        distance[row, column] = t
                        thing[row, column] = scene.thing[i] if i >= 0 else -2
                        for k in range(samples):
                            dx, dy, dz = _direction(
                                camera, (column + 0.25 + 0.5 * (k % 2)) / width, (row + 0.25 + 0.5 * (k // 2)) / height
                            )
                            t, i = _nearest(scene, candidates, num, ox, oy, oz, dx, dy, dz)
                            if i < 0:
                                red, green, blue = _sky(scene, dx, dy, dz)
                            else:
                                red, green, blue = _surface(scene, i, ox, oy, oz, dx, dy, dz, t, footprint, k)
                            rgb[0, row, column] += 0.25 * response(red)
                            rgb[1, row, column] += 0.25 * response(green)
                            rgb[2, row, column] += 0.25 * response(blue)

    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz", "arcp"}}
    try:
        return numba.njit(cache=True, **options)(cast_view)
    except RuntimeError:  # neither folder for machine code can be written: every process compiles for itself
        return numba.njit(**options)(cast_view)


def _digest() -> str:
    """Of everything that the kernel is compiled from besides this file, at which numba looks itself."""
    texts = [Path(str(module.__file__)).read_bytes() for module in (elementwise, light, shapes, textures)]
    return hashlib.sha256(b"".join(texts)).hexdigest()


_cast_view = _kernel(_digest())


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
    thing = np.empty((height, width), np.int64)
    _cast_view(scene, np.asarray(camera, np.float64), 4 if colour else 0, rgb, distance, thing)
    return rgb, distance, thing


@numba.njit(cache=False, nogil=True, error_model="numpy")
def _free_room(scene, points, limit, room):
    for k in range(len(points)):
        room[k] = _room(scene, points[k, 0], points[k, 1], points[k, 2], limit)


def free_room(scene: SceneArrays, points: np.ndarray, limit: float = 1.0) -> np.ndarray:
    """Distance in metres from each point [n, 3] to the nearest surface, at most `limit`; negative inside things."""
    room = np.empty(len(points), np.float64)
    _free_room(scene, np.ascontiguousarray(points, np.float64), limit, room)
    return room
