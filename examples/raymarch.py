"""A small sphere tracer: pictures of scenes that are given as signed distances. Needs numpy alone.

Axes as everywhere in the project: x right, y up, the camera at the origin looking along -z. The formulas for distances,
soft shadows and ambient occlusion follow Inigo Quilez' articles (iquilezles.org).
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Scene:
    """What is where, what it looks like, and the light. Points are [n, 3], colours linear RGB."""

    distance: Callable[[Array], Array]
    """Distance to the nearest surface of every material, [materials, n]."""
    colour: Callable[[Array, Array, Array], Array]
    """Reflectance at points with normals of materials."""
    sky: Callable[[Array], Array]
    """Colour seen along directions that hit nothing."""
    sun: Array
    sun_colour: Array
    ambient: Array
    lamps: tuple[tuple[Array, Array], ...] = ()
    """Point lights: place and colour at a distance of one."""
    """They cast no shadows of their own, as many small lights in a room do."""
    haze: float = 0.0
    """Share of the sky's colour that each unit of distance adds."""
    exposure: float = 1.0


def sphere(p: Array, centre: tuple, radius: float) -> Array:
    """Distance to a ball."""
    return np.linalg.norm(p - np.float32(centre), axis=-1) - radius


def ellipsoid(p: Array, centre: tuple, radii: tuple) -> Array:
    """Nearly the distance to a ball stretched along the axes."""
    q, r = p - np.float32(centre), np.float32(radii)
    inner, slope = np.linalg.norm(q / r, axis=-1), np.linalg.norm(q / r**2, axis=-1)
    return inner * (inner - 1) / np.maximum(slope, 1e-6)


def box(p: Array, centre: tuple, half: tuple, rounding: float = 0.0) -> Array:
    """Distance to a box with rounded edges."""
    q = np.abs(p - np.float32(centre)) - (np.float32(half) - rounding)
    return np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(-1), 0) - rounding


def cylinder(p: Array, base: tuple, radius: float, height: float, top: float | None = None) -> Array:
    """Distance to an upright cylinder, or nearly to a cone of another radius at the `top`."""
    q = p - np.float32(base)
    share = np.clip(q[:, 1] / height, 0, 1)
    width = radius if top is None else radius + (top - radius) * share
    slant = 1.0 if top is None else height / np.hypot(height, radius - top)
    out = np.stack([(np.hypot(q[:, 0], q[:, 2]) - width) * slant, np.abs(q[:, 1] - height / 2) - height / 2], axis=-1)
    return np.linalg.norm(np.maximum(out, 0), axis=-1) + np.minimum(out.max(-1), 0)


def noise(p: Array) -> Array:
    """Smooth noise from 0 to 1 with one wave per unit, for points of two or three coordinates."""
    cell = np.floor(p).astype(np.int64)
    t = (p - cell).astype(np.float32)
    t = t * t * (3 - 2 * t)
    total = np.zeros(len(p), np.float32)
    for corner in np.ndindex(*[2] * p.shape[1]):
        at = cell + np.array(corner)
        bits = (at * np.array([374761393, 668265263, 2147483647])[: p.shape[1]]).sum(-1) & 0xFFFFFFFF
        bits = ((bits ^ (bits >> 13)) * 1274126177) & 0xFFFFFFFF
        value = ((bits ^ (bits >> 16)) & 0xFFFF) / 65535
        total += (np.where(np.array(corner) == 1, t, 1 - t).prod(-1) * value).astype(np.float32)
    return total


def clouds(p: Array, octaves: int = 4) -> Array:
    """Sum of noises of rising frequency, from 0 to 1."""
    total = sum(noise(p * 2**octave + 17 * octave) / 2**octave for octave in range(octaves))
    return total / (2 - 2 ** (1 - octaves))


def render(make_scene: Callable[[], Scene], height: int, width: int, focal: float, smoothing: int = 2) -> Array:
    """The picture [height, width, 3] as bytes, made by all processor cores.

    `make_scene` is a function of a module, so that every process can build the scene; `focal` is the focal length over
    the width, and each pixel is the mean of `smoothing` squared rays.
    """
    rows, columns = np.mgrid[0 : height * smoothing, 0 : width * smoothing].astype(np.float32) + 0.5
    x = (columns / smoothing - width / 2) / (focal * width)
    y = -(rows / smoothing - height / 2) / (focal * width)
    rays = np.stack([x, y, -np.ones_like(x)], axis=-1).reshape(-1, 3)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    bands = np.array_split(rays, max(1, len(rays) // 20_000))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        shaded = np.concatenate(list(pool.map(_shade, repeat(make_scene), bands)))
    linear = shaded.reshape(height, smoothing, width, smoothing, 3).mean((1, 3)) * make_scene().exposure
    film = np.clip(linear * (2.51 * linear + 0.03) / (linear * (2.43 * linear + 0.59) + 0.14), 0, 1)
    return (film ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def _march(scene: Scene, origins: Array, rays: Array, far: float = 80.0) -> Array:
    """Distance along each ray to the first surface, or `far`."""
    travelled = np.full(len(rays), 0.02, np.float32)
    active = np.arange(len(rays))
    for _ in range(140):
        step = scene.distance(origins[active] + travelled[active, None] * rays[active]).min(0)
        travelled[active] += step * 0.9
        active = active[(step > 4e-4 * (1 + travelled[active])) & (travelled[active] < far)]
        if not len(active):
            break
    return np.minimum(travelled, far)


def _shade(make_scene: Callable[[], Scene], rays: Array, far: float = 80.0) -> Array:
    """The linear colour seen along each ray."""
    scene = make_scene()
    sky = scene.sky(rays)
    travelled = _march(scene, np.zeros_like(rays), rays, far)
    hit = travelled < far
    points, eye = travelled[hit, None] * rays[hit], rays[hit]
    normals = _normals(scene, points)
    material = scene.distance(points).argmin(0)
    surface = scene.colour(points, normals, material)
    start = points + 0.01 * normals
    light = scene.ambient * (0.55 + 0.45 * normals[:, 1:2]) * _open(scene, start, normals)[:, None]
    light = light + _sunlight(scene, start, normals)
    for place, colour in scene.lamps:
        way = place - start
        distance = np.linalg.norm(way, axis=-1, keepdims=True)
        slope = np.maximum((normals * way).sum(-1, keepdims=True) / distance, 0)
        light = light + slope * colour / (0.3 + distance**2)
    shown = surface * light
    fade = np.exp(-scene.haze * travelled[hit, None])
    sky[hit] = shown * fade + scene.sky(eye) * (1 - fade)
    return sky


def _sunlight(scene: Scene, points: Array, normals: Array, reach: float = 30.0) -> Array:
    """Light that arrives from the sun: by the slope of the surface, with soft shadows."""
    slope = np.maximum(normals @ scene.sun, 0)
    lit = np.ones(len(points), np.float32)
    travelled = np.full(len(points), 0.03, np.float32)
    active = np.flatnonzero(slope > 0)
    for _ in range(50):
        step = scene.distance(points[active] + travelled[active, None] * scene.sun).min(0)
        lit[active] = np.minimum(lit[active], np.clip(14 * step / travelled[active], 0, 1))
        travelled[active] += np.clip(step, 0.03, 1.0)
        active = active[(lit[active] > 0.01) & (travelled[active] < reach)]
        if not len(active):
            break
    return (slope * lit * lit * (3 - 2 * lit))[:, None] * scene.sun_colour


def _open(scene: Scene, points: Array, normals: Array) -> Array:
    """Share of the surroundings' light that reaches a point: how free it is along its normal."""
    closed = np.zeros(len(points), np.float32)
    for index, reach in enumerate((0.04, 0.12, 0.3, 0.6)):
        closed += np.maximum(reach - scene.distance(points + reach * normals).min(0), 0) / reach * 0.55**index
    return np.clip(1 - 0.55 * closed, 0.08, 1)


def _normals(scene: Scene, points: Array) -> Array:
    corners = np.float32([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]])
    slope = sum(corner * scene.distance(points + 1e-3 * corner).min(0)[:, None] for corner in corners)
    return slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-9)
