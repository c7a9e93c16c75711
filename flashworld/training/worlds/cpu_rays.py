"""Rays on a processor: what they meet, what stands in the light's way, how much room there is; lists to spare work.

Numba compiles these into the kernels of `cpu_caster`. A list of candidates is numbers of primitives; it holds all that
can matter to a bundle of rays, so results do not depend on it.
"""

import math

import numba

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
    plane_hit,
)

inlined = numba.njit(forceinline=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})


@inlined
def local(scene, i, x, y, z):
    """A vector of the world along the axes of primitive i."""
    r = scene.rotation
    return (
        r[i, 0, 0] * x + r[i, 1, 0] * y + r[i, 2, 0] * z,
        r[i, 0, 1] * x + r[i, 1, 1] * y + r[i, 2, 1] * z,
        r[i, 0, 2] * x + r[i, 1, 2] * y + r[i, 2, 2] * z,
    )


@inlined
def hit(scene, i, ox, oy, oz, dx, dy, dz):
    """Distance along a ray to primitive i, or `MISS`."""
    c, h, shape = scene.centre, scene.half, scene.shape[i]
    ox, oy, oz = local(scene, i, ox - c[i, 0], oy - c[i, 1], oz - c[i, 2])
    dx, dy, dz = local(scene, i, dx, dy, dz)
    if shape == PLANE:
        return plane_hit(oy, dy)
    hx, hy, hz = h[i, 0], h[i, 1], h[i, 2]
    ox, oy, oz, dx, dy, dz = ox / hx, oy / hy, oz / hz, dx / hx, dy / hy, dz / hz
    if shape == ELLIPSOID:
        return ellipsoid_hit(ox, oy, oz, dx, dy, dz)
    if shape == BOX:
        return box_hit(ox, oy, oz, dx, dy, dz, scene.taper[i, 0], scene.taper[i, 1])
    return frustum_hit(ox, oy, oz, dx, dy, dz, scene.taper[i, 0])


@inlined
def nearest(scene, candidates, num, ox, oy, oz, dx, dy, dz):
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
        t = hit(scene, i, ox, oy, oz, dx, dy, dz)
        if t < best:
            best, found = t, i
    return best, found


@inlined
def is_shaded(scene, candidates, num, ox, oy, oz, dx, dy, dz, limit):
    """Whether something stands between a point and the light, `limit` metres away."""
    for k in range(num):
        i = candidates[k]
        radius = scene.radius[i]
        x, y, z = scene.centre[i, 0] - ox, scene.centre[i, 1] - oy, scene.centre[i, 2] - oz
        along = x * dx + y * dy + z * dz
        if along + radius < 0 or along - radius > limit:
            continue
        if x * x + y * y + z * z - along * along > radius * radius:
            continue
        if hit(scene, i, ox, oy, oz, dx, dy, dz) < limit:
            return True
    return False


@inlined
def room(scene, candidates, num, x, y, z, limit):
    """Distance from a point to the nearest surface, at most `limit`."""
    best = limit
    for k in range(num):
        i = candidates[k]
        c = scene.centre
        px, py, pz = x - c[i, 0], y - c[i, 1], z - c[i, 2]
        reach = scene.radius[i] + best
        if px * px + py * py + pz * pz > reach * reach:
            continue
        px, py, pz = local(scene, i, px, py, pz)
        h, taper, shape = scene.half, scene.taper, scene.shape[i]
        if shape == PLANE:
            best = min(best, py)
        elif shape == ELLIPSOID:
            best = min(best, ellipsoid_distance(px, py, pz, h[i, 0], h[i, 1], h[i, 2]))
        elif shape == BOX:
            best = min(best, box_distance(px, py, pz, h[i, 0], h[i, 1], h[i, 2], taper[i, 0], taper[i, 1]))
        else:
            best = min(best, frustum_distance(px, py, pz, h[i, 0], h[i, 1], taper[i, 0]))
    return best


@inlined
def direction(camera, right, down):
    """Unit direction, in the world, of the ray through a place of the picture, 0 to 1 from its upper left corner."""
    x, y = (right - camera[14]) / camera[12], (camera[15] - down) / camera[13]
    dx = camera[3] * x + camera[4] * y - camera[5]
    dy = camera[6] * x + camera[7] * y - camera[8]
    dz = camera[9] * x + camera[10] * y - camera[11]
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    return dx / length, dy / length, dz / length


@inlined
def gather(scene, camera, left, right, top, bottom, candidates):
    """Fill in the primitives that rays between those borders of the picture may meet, and tell how many."""
    ax, ay, az = direction(camera, 0.5 * (left + right), 0.5 * (top + bottom))
    cosine = 1.0
    for corner in range(4):
        bx, by, bz = direction(camera, left if corner % 2 else right, top if corner // 2 else bottom)
        cosine = min(cosine, ax * bx + ay * by + az * bz)
    sine = math.sqrt(max(1.0 - cosine * cosine, 0.0))
    num = 0
    for i in range(len(scene.radius)):
        radius = scene.radius[i]
        x, y, z = scene.centre[i, 0] - camera[0], scene.centre[i, 1] - camera[1], scene.centre[i, 2] - camera[2]
        along = x * ax + y * ay + z * az
        beside = math.sqrt(max(x * x + y * y + z * z - along * along, 0.0))
        # Distance from the ball's centre to the surface of the cone.
        if radius > MISS or beside * cosine - along * sine <= radius:
            candidates[num] = i
            num += 1
    return num


@inlined
def gather_shading(scene, x, y, z, radius, candidates):
    """Fill in the primitives that may stand between the light and any point of a ball, and tell how many."""
    light = scene.light
    num = 0
    for i in range(len(scene.radius)):
        if scene.shadow[i] == 0.0 or scene.radius[i] > MISS:
            continue
        px, py, pz = scene.centre[i, 0] - x, scene.centre[i, 1] - y, scene.centre[i, 2] - z
        dx, dy, dz, end = light[0], light[1], light[2], MISS
        if light[8] > 0.0:
            dx, dy, dz = light[0] - x, light[1] - y, light[2] - z
            end = math.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx / end, dy / end, dz / end
        along = min(max(px * dx + py * dy + pz * dz, 0.0), end)
        px, py, pz = px - along * dx, py - along * dy, pz - along * dz
        # Rays to the points of a lamp stay within its radius of the axis; those to the sun's spread with distance.
        reach = scene.radius[i] + radius + light[6] * (1.0 if light[8] > 0.0 else along + radius + scene.radius[i])
        if px * px + py * py + pz * pz <= reach * reach:
            candidates[num] = i
            num += 1
    return num


@inlined
def gather_near(scene, x, y, z, radius, candidates):
    """Fill in the primitives that may touch a ball, and tell how many."""
    num = 0
    for i in range(len(scene.radius)):
        px, py, pz = x - scene.centre[i, 0], y - scene.centre[i, 1], z - scene.centre[i, 2]
        if scene.shape[i] == PLANE:
            touches = local(scene, i, px, py, pz)[1] <= radius
        else:
            reach = scene.radius[i] + radius
            touches = px * px + py * py + pz * pz <= reach * reach
        if touches:
            candidates[num] = i
            num += 1
    return num
