"""What the words of captions look like: colours of floors, things and skies, counted in training worlds.

"Red" is a material's colour; in a picture it is what lamps, shadows, sunsets and patterns make of it. So nobody writes
down what counts as red: the pixels of all red floors and things are counted, by their colour in CIE L*a*b*.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from flashworld.training.worlds import World, make_world
from flashworld.training.worlds.cpu_caster import cast_view
from flashworld.training.worlds.paths import camera_rows
from flashworld.training.worlds.shapes import MISS

SIZE = (48, 64)
"""Height and width at which worlds are looked at."""
LEVELS, TINTS = 8, 12
"""Classes of lightness, and of each of the two axes of colour."""
SKIES = {"clear": "blue", "cloudy": "blue", "sunset": "glowing", "overcast": "grey"}
"""A sky of the captions to the word for its colours."""
UNSEEN = 1e-5
"""Added to the share of each class of colours among a word's pixels, as if seen: no class is impossible."""


@dataclass(frozen=True)
class Looks:
    """How likely each of some words is for a pixel of a colour, if all were as frequent."""

    words: tuple[str, ...]
    likeness: Float[Tensor, "words colours"]

    @classmethod
    def counted(cls, words: Iterable[str], seen: Iterable[tuple[str, Float[Tensor, "3 n"]]]) -> "Looks":
        """From pixels of which the word is known, one region at a time; regions count alike, small ones less."""
        words = tuple(words)
        counts = torch.zeros(len(words), LEVELS * TINTS * TINTS)
        for word, pixels in seen:
            num = pixels.shape[-1]
            classes = colour_classes(pixels[..., None])[..., 0]
            counts[words.index(word)] += torch.bincount(classes, minlength=counts.shape[1]) / max(num, 50)
        shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1) + UNSEEN
        return cls(words, shares / shares.sum(dim=0))

    def of(self, word: str, pictures: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n h w"]:
        """How likely a word is for each pixel, 0 to 1."""
        return self.likeness[self.words.index(word)][colour_classes(pictures)]


def colour_classes(pictures: Float[Tensor, "*n 3 h w"]) -> Int[Tensor, "*n h w"]:
    """Number of each pixel's class of colours, from sRGB of 0 to 1."""
    srgb = pictures.clamp(0, 1)
    linear = torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = linear.new_tensor([
        [0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505],
        [0.2126, 0.7152, 0.0722],
        [0.0193 / 1.089, 0.1192 / 1.089, 0.9505 / 1.089],
    ])  # fmt: skip
    x, y, z = torch.einsum("ij,...jhw->...ihw", to_xyz, linear).clamp(min=1e-4).pow(1 / 3).unbind(-3)
    # L*, a* and b* as shares of 100.
    lightness, redness, yellowness = 1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)
    level = _class_of(lightness, 0.0, 1.0, LEVELS)
    return (level * TINTS + _class_of(redness, -0.6, 0.8, TINTS)) * TINTS + _class_of(yellowness, -0.8, 0.8, TINTS)


def _class_of(values: Tensor, low: float, high: float, num: int) -> Tensor:
    return ((values - low) / (high - low) * num).long().clamp(0, num - 1)


@dataclass(frozen=True)
class FirstLook:
    """A world as its first camera sees it."""

    world: World
    picture: Float[Tensor, "3 h w"]
    distance: Float[Tensor, "h w"]
    """In units of the world; very large for the sky."""
    sky: Bool[Tensor, "h w"]
    ground: Bool[Tensor, "h w"]
    things: tuple[Bool[Tensor, "h w"], ...]
    """Where the first of the things is that the facts name, and so on."""


def first_look(seed: int) -> FirstLook:
    """Look at the world of a seed once."""
    world = make_world(seed, SIZE[1] / SIZE[0], num_views=2, num_extra=0)
    row = camera_rows(world.cameras[:1], world.metres)[0]
    colour, metres, thing = cast_view(world.scene, row, *SIZE)
    height = row[1] + _upward(row, SIZE) * metres
    numbers, counts = np.unique(thing[thing >= 0], return_counts=True)
    largest = numbers[np.argsort(-counts, kind="stable")]
    return FirstLook(
        world=world,
        picture=torch.from_numpy(colour).float(),
        distance=torch.from_numpy(metres / world.metres).float(),
        sky=torch.from_numpy(~(metres < MISS)),
        ground=torch.from_numpy((np.abs(height) < 0.03) & (thing < 0)),
        things=tuple(torch.from_numpy(thing == n) for n in largest[: len(world.facts.objects)]),
    )


def _upward(row: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The upward part of the unit vectors along which a camera's pixels look; the row is as casters take it."""
    rows, columns = size
    fx, fy, cx, cy = row[12:16]
    x = ((np.arange(columns) + 0.5) / columns - cx) / fx
    y = -((np.arange(rows) + 0.5) / rows - cy) / fy
    ahead = np.stack(np.broadcast_arrays(x[None], y[:, None], -1.0), axis=-1)
    return (ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)) @ row[6:9]
