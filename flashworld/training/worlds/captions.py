"""What a world shows, as facts and as a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flashworld.training.worlds.placement import Named
from flashworld.training.worlds.rooms import Setting
from flashworld.training.worlds.scene import Array
from flashworld.training.worlds.seeds import Draw

SMALLEST = 0.012
"""Share of the first view that a thing must fill to be named."""
MOST = 4
"""Number of things that a caption names at most."""


@dataclass(frozen=True)
class SeenThing:
    """A thing that the first view shows."""

    name: str
    colour: str
    """A name of the palette; empty, as the pattern is, for what has many colours, such as a window."""
    pattern: str
    where: str
    """"on the left", "in the middle" or "on the right", perhaps "in front" or "at the back"."""
    share: float
    """Of the view's pixels."""


@dataclass(frozen=True)
class WorldFacts:
    """What is true of a world, for captions and for those who check them."""

    kind: str
    """"room" or "outdoors"."""
    sky: str
    """"clear", "cloudy", "sunset" or "overcast"; "none" in rooms."""
    floor: str
    """The ground's colour and material."""
    floor_colour: str
    walls: str
    """Colour and pattern of a room's walls; "none" outdoors."""
    objects: tuple[SeenThing, ...]
    """The largest things of the first view, largest first, at most four."""


def facts_of(kind: str, setting: Setting, named: Sequence[Named], distance: Array, thing: Array) -> WorldFacts:
    """The facts of a first view, given as distance and number of thing [H, W]."""
    room = kind == "room"
    return WorldFacts(
        kind=kind,
        sky="none" if room else setting.around,
        floor=setting.floor,
        floor_colour=setting.floor_colour,
        walls=setting.around if room else "none",
        objects=tuple(_seen(named, distance, thing)),
    )


def _seen(named: Sequence[Named], distance: Array, thing: Array) -> list[SeenThing]:
    numbers, counts = np.unique(thing[thing >= 0], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    seen = []
    typical = float(np.median(np.minimum(distance, 100.0)))
    for number, count in zip(numbers[order], counts[order], strict=True):
        if count < SMALLEST * thing.size or len(seen) == MOST:
            break
        rows = thing == number
        across = float(np.nonzero(rows)[1].mean() / thing.shape[1])
        side = "on the left" if across < 0.36 else "on the right" if across > 0.64 else "in the middle"
        far = float(np.median(distance[rows])) / typical
        depth = " in front" if far < 0.6 else " at the back" if far > 1.4 else ""
        what = named[number]
        seen.append(SeenThing(what.name, what.colour, what.pattern, side + depth, float(count / thing.size)))
    return seen


def caption(draw: Draw, facts: WorldFacts) -> str:
    """One of several ways to say the facts; now and then some are left out."""
    told = facts.objects[: draw.whole(min(2, len(facts.objects)), len(facts.objects))]
    things = [_phrase(thing, place=draw.chance(0.75)) for thing in told]
    if facts.kind == "room":
        surroundings = draw.one_of([
            f"a room with {_article(facts.floor)} and {facts.walls}",
            f"a room with {facts.walls} and {_article(facts.floor)}",
            f"an interior, {facts.walls}, {facts.floor}",
        ])  # fmt: skip
    else:
        sky = {
            "clear": "a clear blue sky",
            "cloudy": "a cloudy sky",
            "sunset": "a sunset sky",
            "overcast": "an overcast grey sky",
        }
        surroundings = draw.one_of([
            f"{facts.floor} under {sky[facts.sky]}",
            f"an outdoor scene with {facts.floor} and {sky[facts.sky]}",
            f"outdoors, {sky[facts.sky]} over {facts.floor}",
        ])  # fmt: skip
    if not things:
        return f"{surroundings[0].upper()}{surroundings[1:]}."
    listed = ", ".join(things[:-1]) + (" and " if len(things) > 1 else "") + things[-1]
    if draw.chance(0.3):
        return f"{listed[0].upper()}{listed[1:]}. {surroundings[0].upper()}{surroundings[1:]}."
    return f"{surroundings[0].upper()}{surroundings[1:]}, with {listed}."


def _phrase(thing: SeenThing, place: bool) -> str:
    pattern = "" if thing.pattern in ("plain", "mottled") else thing.pattern
    words = " ".join(word for word in (thing.colour, pattern, thing.name) if word)
    return f"{_article(words)} {thing.where}" if place else _article(words)


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
