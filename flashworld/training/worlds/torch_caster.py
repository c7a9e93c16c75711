"""The ray caster for batches of worlds in torch: the same formulas on tensors, on any device.

Every ray is tried against every primitive of its world, one shape after the other, so that a GPU does plain arithmetic
and `torch.compile` can fuse it with the search for the nearest. Float32; the processor's caster works in float64.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from flashworld.training.worlds.cpu_caster import LIGHT_POINTS, OFFSET
from flashworld.training.worlds.elementwise import blend, larger, smaller, where
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
from flashworld.training.worlds.paths import camera_rows
from flashworld.training.worlds.scene import SceneArrays
from flashworld.training.worlds.shapes import (
    BOX,
    ELLIPSOID,
    FRUSTUM,
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
from flashworld.training.worlds.world import SKY_DISTANCE, World, WorldViews

Components = tuple[Tensor, Tensor, Tensor]
"""x, y and z of a vector."""

MOST_TESTS = 2**26
"""Tests of a ray against a primitive that are done at once: some gigabytes of memory unless compiled."""


@dataclass(frozen=True)
class Shapes:
    """The primitives of one shape of a batch of worlds, padded to the most that one has; fields are [batch, 1, n]."""

    kind: int
    number: Tensor
    """Of the primitive in its world, -1 for padding."""
    centre: Components
    axes: tuple[Components, Components, Components]
    """The primitive's x, y and z in the world."""
    half: Components
    taper: tuple[Tensor, Tensor]
    shades: Tensor
    """Whether it stands in the light's way."""


@dataclass(frozen=True)
class Batch:
    """A batch of worlds as tensors."""

    shapes: tuple[Shapes, ...]
    rows: Tensor
    """[batch, most, 32] of each primitive: centre, rotation, half, taper, surface, colours."""
    kinds: Tensor
    """[batch, most, 3] of each: shape, family, seed."""
    light: tuple[Tensor, ...]
    """`SceneArrays.light`, each number [batch, 1]; the same for the next two."""
    around: tuple[Tensor, ...]
    sky: tuple[Tensor, ...]


@dataclass(frozen=True)
class Searches:
    """The three functions that try every ray against every primitive: nearly all the work."""

    nearest: Callable[..., tuple[Tensor, Tensor]]
    is_shaded: Callable[..., Tensor]
    room: Callable[..., Tensor]


def batch_of(scenes: Sequence[SceneArrays], device: torch.device | str) -> Batch:
    """Scenes as one batch on a device."""
    most = max(len(scene.shape) for scene in scenes)
    rows, kinds = np.zeros((len(scenes), most, 32)), np.zeros((len(scenes), most, 3), np.int64)
    for b, s in enumerate(scenes):
        n = len(s.shape)
        flat = s.centre, s.rotation.reshape(n, 9), s.half, s.taper, s.surface, s.colours.reshape(n, 9)
        rows[b, :n] = np.concatenate(flat, axis=1)
        kinds[b, :n] = np.stack([s.shape, s.family, s.seed], axis=1)

    def numbers(name: str) -> tuple[Tensor, ...]:
        table = np.stack([getattr(scene, name) for scene in scenes])
        return torch.from_numpy(table).float().to(device)[:, :, None].unbind(1)

    return Batch(
        shapes=tuple(_shapes(scenes, kind, device) for kind in (ELLIPSOID, BOX, FRUSTUM, PLANE)),
        rows=torch.from_numpy(rows).float().to(device),
        kinds=torch.from_numpy(kinds).to(device),
        light=numbers("light"),
        around=numbers("around"),
        sky=numbers("sky"),
    )


def _shapes(scenes: Sequence[SceneArrays], kind: int, device: torch.device | str) -> Shapes:
    members = [np.nonzero(scene.shape == kind)[0] for scene in scenes]
    most = max(1, max(map(len, members)))
    rows = np.zeros((len(scenes), most, 18))
    rows[:, :, 12:15] = 1.0
    number = np.full((len(scenes), most), -1)
    for b, (s, i) in enumerate(zip(scenes, members, strict=True)):
        number[b, : len(i)] = i
        flat = (
            s.centre[i],
            s.rotation[i].transpose(0, 2, 1).reshape(len(i), 9),
            s.half[i],
            s.taper[i],
            s.shadow[i, None],
        )
        rows[b, : len(i)] = np.concatenate(flat, axis=1)
    c = torch.from_numpy(rows).float().to(device)[:, None].unbind(-1)
    return Shapes(
        kind,
        torch.from_numpy(number).to(device)[:, None],
        centre=_three(c[0:3]),
        axes=(_three(c[3:6]), _three(c[6:9]), _three(c[9:12])),
        half=_three(c[12:15]),
        taper=(c[15], c[16]),
        shades=(c[17] > 0.5) & (torch.from_numpy(number).to(device)[:, None] >= 0),
    )


def _three(numbers: Iterable[Tensor]) -> Components:
    x, y, z = numbers
    return x, y, z


def _dot(a: Components, b: Components) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _along(group: Shapes, v: Components) -> Components:
    """Vectors of the world along the axes of primitives."""
    return _three(_dot(axis, v) for axis in group.axes)


def _apart(group: Shapes, place: Components) -> Components:
    """Places relative to primitives, along their axes."""
    c = group.centre
    return _along(group, (place[0] - c[0], place[1] - c[1], place[2] - c[2]))


def _hits(group: Shapes, origin: Components, direction: Components) -> Tensor:
    """Distance along each ray [batch, rays, 1] to each primitive, [batch, rays, n]."""
    o, d, h = _apart(group, origin), _along(group, direction), group.half
    if group.kind == PLANE:
        t = plane_hit(o[1], d[1])
    else:
        o, d = (o[0] / h[0], o[1] / h[1], o[2] / h[2]), (d[0] / h[0], d[1] / h[1], d[2] / h[2])
        if group.kind == ELLIPSOID:
            t = ellipsoid_hit(*o, *d)
        elif group.kind == BOX:
            t = box_hit(*o, *d, *group.taper)
        else:
            t = frustum_hit(*o, *d, group.taper[0])
    return where(group.number >= 0, t, MISS)


def _nearest(shapes: tuple[Shapes, ...], origin: Components, direction: Components) -> tuple[Tensor, Tensor]:
    """Distance to and number of the first primitive on each ray [batch, rays]; number -1 for none."""
    o, d = _columns(origin), _columns(direction)
    best = torch.full_like(direction[0], MISS)
    found = torch.full_like(best, -1, dtype=torch.int64)
    for group in shapes:
        t, i = _hits(group, o, d).min(dim=-1)
        number = group.number[:, 0].gather(1, i)
        best, found = where(t < best, t, best), where(t < best, number, found)
    return best, found


def _columns(v: Components) -> Components:
    return v[0][..., None], v[1][..., None], v[2][..., None]


def _is_shaded(shapes: tuple[Shapes, ...], origin: Components, direction: Components, limit: Tensor) -> Tensor:
    """Whether something stands between places and the light."""
    o, d = _columns(origin), _columns(direction)
    shaded = torch.zeros_like(limit, dtype=torch.bool)
    for group in shapes[:PLANE]:
        shaded = shaded | ((_hits(group, o, d) < limit[..., None]) & group.shades).any(dim=-1)
    return shaded


def _room(shapes: tuple[Shapes, ...], place: Components, limit: float) -> Tensor:
    """Distance from places to the nearest surface, at most `limit`."""
    p = _columns(place)
    best = torch.full_like(place[0], limit)
    for group in shapes:
        x, y, z = _apart(group, p)
        if group.kind == PLANE:
            distance = y
        elif group.kind == ELLIPSOID:
            distance = ellipsoid_distance(x, y, z, *group.half)
        elif group.kind == BOX:
            distance = box_distance(x, y, z, *group.half, *group.taper)
        else:
            distance = frustum_distance(x, y, z, group.half[0], group.half[1], group.taper[0])
        best = smaller(best, where(group.number >= 0, distance, limit).amin(dim=-1))
    return best


def _unit(v: Components) -> tuple[Components, Tensor]:
    length = larger(_dot(v, v).sqrt(), 1e-6)
    return (v[0] / length, v[1] / length, v[2] / length), length


def _moved(place: Components, direction: Components, t: Tensor | float) -> Components:
    return place[0] + t * direction[0], place[1] + t * direction[1], place[2] + t * direction[2]


def _sky(batch: Batch, d: Components) -> list[Tensor]:
    """Linear colour of the sky in directions."""
    s, sun = batch.sky, batch.light
    up = sky_height(d[1])
    cover = where(s[9] > 0.0, cloud_cover(*d, s[9], s[10], s[12].long()), 0.0)
    glow = sun_glow(*d, sun[0], sun[1], sun[2]) * (1.0 - cover) * (1.0 - sun[8])
    return [blend(blend(s[3 + c], s[c], up), s[6 + c], cover) + glow * sun[3 + c] for c in range(3)]


def _to_light(batch: Batch, place: Components, point: int) -> tuple[Components, Tensor, Tensor]:
    """Unit vectors and distances from places to one point of the light, and the light's strength there."""
    sun = batch.light
    right, ahead = sun[6] * LIGHT_POINTS[point, 0], sun[6] * LIGHT_POINTS[point, 1]
    lamp = sun[8] > 0.5
    towards = sun[0] + right, sun[1] + 0.0 * right, sun[2] + ahead
    x, y, z = (where(lamp, goal - start, goal) for goal, start in zip(towards, place, strict=True))
    direction, length = _unit((x, y, z))
    return direction, where(lamp, length, MISS), where(lamp, lamp_strength(length, sun[7]), 1.0)


def _light(
    batch: Batch, search: Searches, origin: Components, direction: Components, footprint: Tensor, point: int
) -> Tensor:
    """Linear colour that rays [batch, rays] bring, [batch, rays, 3]."""
    t, found = search.nearest(batch.shapes, origin, direction)
    number = found.clamp(min=0)
    r = batch.rows.gather(1, number[..., None].expand(-1, -1, batch.rows.shape[-1])).unbind(-1)
    shape, family, seed = batch.kinds.gather(1, number[..., None].expand(-1, -1, 3)).unbind(-1)
    t = where(found < 0, 1.0, t)
    x, y, z = _moved(origin, direction, t)
    away = x - r[0], y - r[1], z - r[2]
    axes = (r[3], r[6], r[9]), (r[4], r[7], r[10]), (r[5], r[8], r[11])
    px, py, pz = (_dot(axis, away) for axis in axes)
    g = gradient(shape, px / r[12], py / r[13], pz / r[14], r[15], r[16])
    gx, gy, gz = g[0] / r[12], g[1] / r[13], g[2] / r[14]
    normal, _ = _unit(_three(r[3 * i + 3] * gx + r[3 * i + 4] * gy + r[3 * i + 5] * gz for i in range(3)))
    slant = larger(-_dot(normal, direction), 0.12)
    colour = _reflectance(r, (shape, family, seed), (px, py, pz), g, footprint * t / slant.sqrt())

    near = search.room(batch.shapes, _moved((x, y, z), normal, CONTACT_NEAR), CONTACT_NEAR)
    far = search.room(batch.shapes, _moved((x, y, z), normal, CONTACT_FAR), CONTACT_FAR)
    open_share = contact_shade(near, far)
    to_light, distance, strength = _to_light(batch, (x, y, z), point)
    facing = larger(_dot(normal, to_light), 0.0)
    facing = where(search.is_shaded(batch.shapes, _moved((x, y, z), normal, OFFSET), to_light, distance), 0.0, facing)
    viewer = -direction[0], -direction[1], -direction[2]
    shine = where(facing > 0.0, r[21] * strength * highlight(*normal, *to_light, *viewer), 0.0)
    mist = haze_share(t, batch.sky[11])
    sky, a, sun = _sky(batch, direction), batch.around, batch.light
    seen = []
    for c in range(3):
        soft = open_share * ambient(normal[1], a[3 + c], a[c])
        lit = colour[c] * (strength * facing * sun[3 + c] + soft + r[22]) + shine * sun[3 + c]
        seen.append(where(found < 0, sky[c], blend(lit, batch.sky[3 + c], mist)))
    return torch.stack(seen, dim=-1)


def _reflectance(
    r: Sequence[Tensor], kinds: Components, p: Components, g: Components, footprint: Tensor
) -> list[Tensor]:
    """Linear colours at points p of primitives, in their own axes; r their rows, g the surface's gradient."""
    shape, family, seed = kinds
    density, frequency, roughness, grain = r[17:21]
    coarse = fractal(*p, frequency, roughness, footprint, seed)
    fine = fractal(p[0] + 7.3, p[1] + 1.7, p[2] + 4.1, frequency * 2.6, roughness, footprint, seed + 31)
    u, v = surface_coordinates(shape, *p, *g, r[12], density)
    detail = visible_detail(footprint, density)
    first, second = pattern(family, u, v, p[1] / r[13], coarse, fine, seed, detail)
    shade = larger(1.0 + 1.5 * grain * coarse, 0.1)
    return [blend(blend(r[23 + c], r[26 + c], first), r[29 + c], second) * shade for c in range(3)]


def _rays(
    cameras: Tensor, rows: tuple[int, int], size: tuple[int, int], dx: float, dy: float
) -> tuple[Components, Components]:
    """Rays [batch, views x rows x columns] through places (dx, dy) of the pixels of some rows."""
    height, width = size
    place, turn, k = cameras[..., :3], cameras[..., 3:12].unflatten(-1, (3, 3)), cameras[..., 12:]
    right = (torch.arange(width, device=cameras.device) + dx) / width
    down = (torch.arange(*rows, device=cameras.device) + dy) / height
    x = ((right - k[..., 2:3]) / k[..., 0:1])[:, :, None, :].expand(-1, -1, len(down), -1)
    y = ((k[..., 3:4] - down) / k[..., 1:2])[:, :, :, None].expand(-1, -1, -1, width)
    ahead = torch.stack([x, y, -torch.ones_like(x)], dim=-1)
    world = torch.nn.functional.normalize(torch.einsum("bvij,bvhwj->bvhwi", turn, ahead), dim=-1)
    start = place[:, :, None, None].expand_as(world)
    return _three(start.flatten(1, 3).unbind(-1)), _three(world.flatten(1, 3).unbind(-1))


@cache
def _searches(compiled: bool) -> "Searches":
    if not compiled:
        return Searches(_nearest, _is_shaded, _room)
    return Searches(
        torch.compile(_nearest, dynamic=True),
        torch.compile(_is_shaded, dynamic=True),
        torch.compile(_room, dynamic=True),
    )


@torch.no_grad()
def cast_batch(
    worlds: Sequence[World], height: int, width: int, device: torch.device | str = "cpu", compiled: bool = False
) -> WorldViews:
    """The pictures of several worlds with equally many cameras, made on a device: [worlds, views, ...].

    `compiled` fuses the search of rays among primitives by torch.compile: the first call takes long, later ones need
    far less time and memory. It pays on a GPU.
    """
    batch = batch_of([world.scene for world in worlds], device)
    rows = np.stack([camera_rows(world.cameras, world.metres) for world in worlds])
    cameras = torch.from_numpy(rows).float().to(device)
    search = _searches(compiled)
    footprint = (0.5 / (cameras[..., 12:13] * width)).expand(-1, -1, width)
    step = max(1, min(height, MOST_TESTS // (cameras[..., 0].numel() * width * batch.rows.shape[1])))
    distance, rgb = [], []
    for top in range(0, height, step):
        part = top, min(top + step, height)
        shape = (len(worlds), -1, part[1] - part[0], width)
        t, _ = search.nearest(batch.shapes, *_rays(cameras, part, (height, width), 0.5, 0.5))
        distance.append(t.view(shape))
        wide = footprint[:, :, None].expand(-1, -1, part[1] - part[0], -1).flatten(1)
        total = torch.zeros(())
        for k in range(4):
            rays = _rays(cameras, part, (height, width), 0.25 + 0.5 * (k % 2), 0.25 + 0.5 * (k // 2))
            total = total.to(t) + 0.25 * _light(batch, search, *rays, wide, k)
        rgb.append(response(total).view(*shape, 3))
    metres = torch.tensor([world.metres for world in worlds], device=device)[:, None, None, None]
    far = (torch.cat(distance, dim=2) / metres).clamp(max=SKY_DISTANCE)
    return WorldViews(torch.cat(rgb, dim=2).movedim(-1, 2), far)
