"""Which seeds are for training, which are held out, and the random streams of a seed.

A seed is a world. Training draws seeds from 0 up to 2^40; the held-out ones begin at 2^40, so no recipe can meet them.
By the first thousand of these stages are judged and settings are chosen; scores that are told are of those that follow.
A seed's last bits choose room or outdoors and the movement of the camera, so that any run of 32 seeds in a row has each
kind 16 times and each movement twice. Everything else comes from streams of the seed, one a purpose: drawing more in
one of them changes nothing in the others.
"""

import zlib
from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np

from flashworld.cameras.templates import TEMPLATES

T = TypeVar("T")

HELD_OUT = 2**40
"""The first held-out seed; all seeds below are for training."""
NUM_CHOSEN_BY = 1000
"""Held-out worlds that choices may depend on: the first ones."""


def training_seed(index: int) -> int:
    """The seed of a training world, for an index of 0 to 2^40 - 1."""
    if not 0 <= index < HELD_OUT:
        raise ValueError(f"training world {index} was asked for; there are worlds 0 to 2^40 - 1")
    return index


def held_out_seed(index: int) -> int:
    """The seed of a held-out world, for an index of 0 to 2^40 - 1. Recipes never draw these."""
    if not 0 <= index < HELD_OUT:
        raise ValueError(f"held-out world {index} was asked for; there are worlds 0 to 2^40 - 1")
    return HELD_OUT + index


def scored_seed(index: int) -> int:
    """The seed of a held-out world that no choice has depended on, for an index from 0 on."""
    return held_out_seed(NUM_CHOSEN_BY + index)


def kind_of(seed: int) -> Literal["room", "outdoors"]:
    """Rooms have even seeds."""
    return "outdoors" if seed % 2 else "room"


def template_of(seed: int) -> str:
    """The movement of a world's camera: each pair of seeds takes the next of all templates."""
    names = sorted(TEMPLATES)
    return names[seed // 2 % len(names)]


class Draw:
    """Random choices from one stream of a seed.

    Only uniform numbers of 53 bits are taken from the generator, which numpy promises to keep as they are.
    """

    def __init__(self, seed: int, purpose: str):
        self._generator = np.random.Generator(
            np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(purpose.encode())]))
        )

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return low + (high - low) * self._generator.random()

    def chance(self, share: float) -> bool:
        """True in a `share` of all draws."""
        return self._generator.random() < share

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both allowed."""
        return min(low + int(self._generator.random() * (high - low + 1)), high)

    def one_of(self, options: Sequence[T]) -> T:
        """One of several, all equally likely."""
        return options[self.whole(0, len(options) - 1)]

    def weighted(self, options: dict[T, float]) -> T:
        """A key, as likely as its weight says."""
        left = self._generator.random() * sum(options.values())
        for option, weight in options.items():
            left -= weight
            if left < 0:
                return option
        return next(reversed(options))
