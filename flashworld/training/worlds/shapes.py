"""The four shapes of which everything is built: where a ray meets them, normals, distances, surface coordinates.

In its own unit coordinates an ellipsoid is the ball of radius 1; a box fills -1..1 and its sides x and z may narrow
towards the top (`taper` 1 makes a gable or a pyramid); a frustum is a cylinder of radius 1 from y = -1 to 1 that may
narrow likewise (1 makes a cone); a plane is the half-space below y = 0. All are convex. Half-extents bring them to
metres, a rotation into the world. Formulas get x, y, z as separate numbers or tensors.
"""

from flashworld.training.worlds.elementwise import (
    arctan2,
    floor,
    formula,
    larger,
    magnitude,
    needed,
    smaller,
    sqrt,
    where,
)

ELLIPSOID, BOX, FRUSTUM, PLANE = range(4)

MISS = 1e9
"""Distance to what a ray never meets."""


@formula
def _entry(enter, leave):
    """Where a ray enters a convex body, given where it would enter and leave each of its sides."""
    return where((enter < leave) & (enter > 0.0), enter, MISS)


@formula
def _safe(x):
    return where(magnitude(x) < 1e-12, 1e-12, x)


@formula
def _side(value, slope, enter, leave):
    """Narrow the stretch of a ray to where value + t slope <= 0."""
    t = -value / _safe(slope)
    return where(slope < 0.0, larger(enter, t), enter), where(slope < 0.0, leave, smaller(leave, t))


@formula
def ellipsoid_hit(ox, oy, oz, dx, dy, dz):
    """Ray parameter at which a ray from outside meets the unit ball, or `MISS`."""
    a = dx * dx + dy * dy + dz * dz
    b = ox * dx + oy * dy + oz * dz
    # |o|^2 - 1 loses digits far away, so the discriminant is taken at the ray's nearest point to the centre.
    nx, ny, nz = ox - b / a * dx, oy - b / a * dy, oz - b / a * dz
    inside = 1.0 - (nx * nx + ny * ny + nz * nz)
    t = (-b - sqrt(a * larger(inside, 0.0))) / a
    return where((inside > 0.0) & (t > 0.0), t, MISS)


@formula
def box_hit(ox, oy, oz, dx, dy, dz, taper_x, taper_z):
    """Ray parameter at which a ray from outside meets the tapered unit box, or `MISS`."""
    kx, kz = 0.5 * taper_x, 0.5 * taper_z
    rx, sx = kx * (oy + 1.0) - 1.0, kx * dy
    rz, sz = kz * (oy + 1.0) - 1.0, kz * dy
    enter, leave = _side(oy - 1.0, dy, -MISS + 0.0 * oy, MISS + 0.0 * oy)
    enter, leave = _side(-oy - 1.0, -dy, enter, leave)
    enter, leave = _side(rx + ox, sx + dx, enter, leave)
    enter, leave = _side(rx - ox, sx - dx, enter, leave)
    enter, leave = _side(rz + oz, sz + dz, enter, leave)
    enter, leave = _side(rz - oz, sz - dz, enter, leave)
    return _entry(enter, leave)


@formula
def frustum_hit(ox, oy, oz, dx, dy, dz, taper):
    """Ray parameter at which a ray from outside meets the unit frustum, or `MISS`.

    Its mantle is x^2 + z^2 = m^2 with the radius m linear along the ray: a quadratic. A ray steeper than the mantle
    (a < 0) crosses each of the double cone's halves once and is inside beyond the crossing of ours.
    """
    radius, growth = 1.0 - 0.5 * taper * (oy + 1.0), -0.5 * taper * dy
    a = _safe(dx * dx + dz * dz - growth * growth)
    b = ox * dx + oz * dz - radius * growth
    c = ox * ox + oz * oz - radius * radius
    discriminant = b * b - a * c
    root = sqrt(larger(discriminant, 0.0))
    near, far = (-b - root) / a, (-b + root) / a
    first, last = smaller(near, far), larger(near, far)
    flat, widens = a > 0.0, growth > 0.0
    enter = where(flat, first, where(widens, last, -MISS))
    leave = where(flat, last, where(widens, MISS, first))
    enter = where(discriminant > 0.0, enter, MISS)
    enter, leave = _side(oy - 1.0, dy, enter, leave)
    enter, leave = _side(-oy - 1.0, -dy, enter, leave)
    return _entry(enter, leave)


@formula
def plane_hit(oy, dy):
    """Ray parameter at which a ray from above meets the plane, or `MISS`."""
    return where((dy < 0.0) & (oy > 0.0), -oy / _safe(dy), MISS)


@formula
def _box_gradient(x, y, z, taper_x, taper_z):
    """Gradient of the side that is nearest to a point on the box."""
    kx, kz = 0.5 * taper_x, 0.5 * taper_z
    fx, fy, fz = magnitude(x) + kx * (y + 1.0) - 1.0, magnitude(y) - 1.0, magnitude(z) + kz * (y + 1.0) - 1.0
    on_x, on_z = (fx >= fy) & (fx >= fz), (fz > fx) & (fz >= fy)
    none = 0.0 * x
    gx = where(on_x, where(x < 0.0, -1.0, 1.0), none)
    gz = where(on_z, where(z < 0.0, -1.0, 1.0), none)
    gy = where(on_x, kx, where(on_z, kz, where(y < 0.0, -1.0, 1.0))) + none
    return gx, gy, gz


@formula
def _frustum_gradient(x, y, z, taper):
    radius = sqrt(x * x + z * z)
    mantle, cap = radius - 1.0 + 0.5 * taper * (y + 1.0), magnitude(y) - 1.0
    on_cap, none = cap > mantle, 0.0 * x
    r = larger(radius, 1e-9)
    return (
        where(on_cap, none, x / r),
        where(on_cap, where(y < 0.0, -1.0, 1.0), 0.5 * taper) + none,
        where(on_cap, none, z / r),
    )


@formula
def gradient(shape, x, y, z, taper_x, taper_z):
    """Outward gradient, in unit coordinates, at a point of the surface; over the half-extents it is the normal."""
    gx, gy, gz = x, y, z
    if needed(shape == BOX):
        bx, by, bz = _box_gradient(x, y, z, taper_x, taper_z)
        gx, gy, gz = where(shape == BOX, bx, gx), where(shape == BOX, by, gy), where(shape == BOX, bz, gz)
    if needed(shape == FRUSTUM):
        fx, fy, fz = _frustum_gradient(x, y, z, taper_x)
        gx, gy, gz = where(shape == FRUSTUM, fx, gx), where(shape == FRUSTUM, fy, gy), where(shape == FRUSTUM, fz, gz)
    if needed(shape == PLANE):
        gx, gy, gz = where(shape == PLANE, 0.0, gx), where(shape == PLANE, 1.0, gy), where(shape == PLANE, 0.0, gz)
    return gx, gy, gz


@formula
def ellipsoid_distance(x, y, z, hx, hy, hz):
    """Nearly the distance in metres from a point to an ellipsoid (first order, iquilezles.org)."""
    ux, uy, uz = x / hx, y / hy, z / hz
    inner = sqrt(ux * ux + uy * uy + uz * uz)
    vx, vy, vz = ux / hx, uy / hy, uz / hz
    slope = sqrt(vx * vx + vy * vy + vz * vz)
    return inner * (inner - 1.0) / larger(slope, 1e-6)


@formula
def box_distance(x, y, z, hx, hy, hz, taper_x, taper_z):
    """Distance in metres to the farthest of the box's six planes: the true one but near edges, where it is less."""
    kx, kz, up = 0.5 * taper_x, 0.5 * taper_z, y / hy + 1.0
    fx = (magnitude(x) / hx + kx * up - 1.0) / sqrt(1.0 / (hx * hx) + kx * kx / (hy * hy))
    fz = (magnitude(z) / hz + kz * up - 1.0) / sqrt(1.0 / (hz * hz) + kz * kz / (hy * hy))
    return larger(larger(fx, fz), magnitude(y) - hy)


@formula
def frustum_distance(x, y, z, hx, hy, taper):
    """Distance in metres to the farther of mantle and caps: the true one but near rims, where it is less."""
    k = 0.5 * taper
    mantle = (sqrt(x * x + z * z) / hx + k * (y / hy + 1.0) - 1.0) / sqrt(1.0 / (hx * hx) + k * k / (hy * hy))
    return larger(mantle, magnitude(y) - hy)


@formula
def surface_coordinates(shape, x, y, z, gx, gy, gz, hx, density):
    """Coordinates (u, v) of a point on a surface, `density` cells to a metre; x, y, z in metres, g its gradient.

    Boxes and planes are papered face by face. Round shapes are wrapped once around by a whole number of cells.
    """
    round_side = (shape == ELLIPSOID) | ((shape == FRUSTUM) & (magnitude(gy) < 1.0))
    on_x = (shape == BOX) & (magnitude(gx) > 0.5)
    on_z = (shape == BOX) & (magnitude(gz) > 0.5)
    u = where(on_x, z, x) * density
    if needed(round_side):
        around = larger(floor(6.2831853 * hx * density + 0.5), 2.0)
        u = where(round_side, arctan2(z, x + 1e-9) / 6.2831853 * around, u)
    v = where(round_side | on_x | on_z, y, z) * density
    return u, v
