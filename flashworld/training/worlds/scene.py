"""`SceneArrays`: all that a ray caster needs to know of a place, as plain arrays; and the parts it is built from."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from flashworld.training.worlds.shapes import ELLIPSOID, FRUSTUM, PLANE
from flashworld.training.worlds.textures import PLAIN

Vector = tuple[float, float, float]
Array = np.ndarray


@dataclass(frozen=True)
class Material:
    """How a surface looks. Colours are sRGB, 0 to 1."""

    colours: tuple[Vector, Vector, Vector]
    """The colour that names it, and two that its pattern mixes in."""
    family: int = PLAIN
    """A pattern of `textures`."""
    density: float = 3.0
    """Cells of the pattern to a metre."""
    frequency: float = 2.0
    """Lumps of the coarsest noise to a metre."""
    roughness: float = 0.5
    """By how much each finer octave of noise is weaker."""
    grain: float = 0.12
    """How much noise lightens and darkens the surface."""
    gloss: float = 0.0
    """Strength of the highlight."""
    glow: float = 0.0
    """Light that it sends out itself, in units of its colour."""
    seed: int = 0
    """Which of all noises and random cells."""


@dataclass(frozen=True)
class Part:
    """A primitive in metres, y up. `rotation`'s columns are its own axes."""

    shape: int
    centre: Vector
    half: Vector
    material: Material
    rotation: Array = field(default_factory=lambda: np.eye(3))
    taper: tuple[float, float] = (0.0, 0.0)
    shadow: bool = True

    def moved(self, rotation: Array, offset: Sequence[float] | Array, scale: float = 1.0) -> "Part":
        """The part of a thing that is enlarged, turned and then moved."""
        centre = rotation @ np.multiply(self.centre, scale) + np.asarray(offset)
        half = (self.half[0] * scale, self.half[1] * scale, self.half[2] * scale)
        return replace(self, centre=tuple(centre), half=half, rotation=rotation @ self.rotation)


@dataclass(frozen=True)
class Light:
    """Sun or lamp, the soft light around, sky, clouds and haze. Colours are linear and may exceed one."""

    is_lamp: bool
    place: Vector
    """Of the lamp in metres; for the sun, the unit vector to it."""
    colour: Vector
    size: float
    """Radius of the lamp in metres, or half the sun's angle in radians: how soft the shadows are."""
    above: Vector
    """Ambient light from the sky or ceiling."""
    below: Vector
    """Ambient light that the ground gives back."""
    zenith: Vector = (0.2, 0.4, 0.8)
    horizon: Vector = (0.6, 0.7, 0.8)
    clouds: Vector = (0.9, 0.9, 0.9)
    cover: float = 0.0
    """Share of the sky under clouds, roughly."""
    cloud_scale: float = 0.6
    haze: float = 0.0
    """Share of the horizon's colour that a metre of air adds."""
    reach: float = 4.0
    """Distance in metres at which the lamp's light has halved."""
    seed: int = 0


class SceneArrays(NamedTuple):
    """A place for the ray casters: n primitives, sorted by shape; metres, y up; linear colours.

    The same arrays go to numba as they are and to torch as tensors, padded to the longest of a batch.
    """

    shape: Array
    """[n] `ELLIPSOID`, `BOX`, `FRUSTUM` or `PLANE`."""
    centre: Array
    """[n, 3]"""
    rotation: Array
    """[n, 3, 3] world from primitive: columns are the primitive's axes."""
    half: Array
    """[n, 3] half-extents; 1 for planes."""
    taper: Array
    """[n, 2] along x and z."""
    radius: Array
    """[n] of the bounding ball; infinite for planes."""
    shadow: Array
    """[n] 1 where it shades others."""
    thing: Array
    """[n] which thing of the place it belongs to, -1 for none that is named."""
    family: Array
    """[n]"""
    colours: Array
    """[n, 3, 3] linear; second axis: which of the three."""
    surface: Array
    """[n, 6]: density, frequency, roughness, grain, gloss, glow."""
    seed: Array
    """[n]"""
    light: Array
    """[9]: place, colour, size, reach, 1 if it is a lamp."""
    around: Array
    """[6]: ambient from above and from below."""
    sky: Array
    """[13]: zenith, horizon, clouds, cover, scale, haze, seed."""


def linear(colour: Sequence[float] | Array) -> Array:
    """SRGB values as linear light."""
    return np.asarray(colour, dtype=np.float64) ** 2.2


def scene_arrays(parts: Sequence[tuple[Part, int]], light: Light) -> SceneArrays:
    """The arrays of parts, each with the number of its thing, under a light."""
    ordered = sorted(parts, key=lambda part: part[0].shape)
    rows = [part for part, _ in ordered]
    materials = [part.material for part in rows]
    half = np.array([part.half for part in rows], dtype=np.float64)
    shape = np.array([part.shape for part in rows], dtype=np.int64)
    surface = [(m.density, m.frequency, m.roughness, m.grain, m.gloss, m.glow) for m in materials]
    return SceneArrays(
        shape=shape,
        centre=np.array([part.centre for part in rows], dtype=np.float64),
        rotation=np.array([part.rotation for part in rows], dtype=np.float64),
        half=half,
        taper=np.array([part.taper for part in rows], dtype=np.float64),
        radius=_bounding_radius(shape, half),
        shadow=np.array([part.shadow for part in rows], dtype=np.float64),
        thing=np.array([thing for _, thing in ordered], dtype=np.int64),
        family=np.array([m.family for m in materials], dtype=np.int64),
        colours=linear(np.array([m.colours for m in materials])),
        surface=np.array(surface, dtype=np.float64),
        seed=np.array([m.seed for m in materials], dtype=np.int64),
        light=np.array([*light.place, *light.colour, light.size, light.reach, light.is_lamp], dtype=np.float64),
        around=np.array([*light.above, *light.below], dtype=np.float64),
        sky=np.array(
            [*light.zenith, *light.horizon, *light.clouds, light.cover, light.cloud_scale, light.haze, light.seed],
            dtype=np.float64,
        ),
    )


def _bounding_radius(shape: Array, half: Array) -> Array:
    corner = np.linalg.norm(half, axis=1)
    rim = np.hypot(half[:, 0], half[:, 1])
    radius = np.where(shape == ELLIPSOID, half.max(axis=1), np.where(shape == FRUSTUM, rim, corner))
    return np.where(shape == PLANE, np.inf, radius)
