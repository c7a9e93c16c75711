"""Questions that a picture answers with yes or no: is the floor red, the sky grey, is this a room, is something blue?

Each asks for evidence, a number. All but the place say yes where training worlds that truly are so have less evidence
in one of twenty cases only: they are right of 95 % of true pictures by construction, and what they are worth shows in
how seldom they say yes to a wrong word. Both are measured on held-out worlds, and reported beside the model's answers.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from flashworld.training.evaluation.looks import SIZE, SKIES, FirstLook, Looks
from flashworld.training.worlds import SKY_DISTANCE
from flashworld.training.worlds.palette import COLOURS

QUESTIONS = ("place", "sky", "floor", "object")
PLACES = ("room", "outdoors")
FARTHEST_WALL = 8.0
"""Units: of 300 held-out worlds, 99 % have something farther away outdoors, and nothing in rooms."""
MISSED = 0.05
"""Share of true pictures of training worlds of which a question is answered wrongly."""
UPPER, LOWER = 0.15, 0.5
"""Shares of the picture's height in which sky and floor are looked for."""
LARGE_ENOUGH = {"sky": 0.05, "floor": 0.15, "object": 0.03}
"""Share of the first view that a thing must fill, or it is not asked for."""


@dataclass(frozen=True)
class Judge:
    """Answers questions. `thresholds` are the least evidence for a yes, by question."""

    colours: Looks
    skies: Looks
    thresholds: dict[str, float]

    def says(self, question: str, word: str, picture: Float[Tensor, "3 h w"], distance: Float[Tensor, "h w"]) -> bool:
        """Whether a first view shows what a word says. Distances are along rays, in units of the model's world."""
        return self.evidence(question, word, picture, distance) >= self.thresholds[question]

    def evidence(
        self, question: str, word: str, picture: Float[Tensor, "3 h w"], distance: Float[Tensor, "h w"]
    ) -> float:
        """How much speaks for a word. The picture is made as small as those that were counted.

        Places: how much farther than `FARTHEST_WALL` the farthest hundredth of the picture begins, or nearer, as a
        logarithm. Sky and floor: mean likeness of the word in the upper and lower part. Objects: the same in the square
        of a quarter of the height where it is largest.
        """
        if question == "place":
            far = distance.clamp(max=SKY_DISTANCE).quantile(0.99).clamp(min=1e-3)
            farther = (far / FARTHEST_WALL).log().item()
            return farther if word == "outdoors" else -farther
        height = SIZE[0]
        small = interpolate(picture[None], (height, round(height * picture.shape[2] / picture.shape[1])), mode="area")
        looks = self.skies if question == "sky" else self.colours
        likeness = looks.of(word, small)
        if question == "sky":
            return likeness[:, : round(UPPER * height)].mean().item()
        if question == "floor":
            return likeness[:, round(LOWER * height) :].mean().item()
        return avg_pool2d(likeness, height // 4, stride=1).max().item()

    def words(self, question: str) -> tuple[str, ...]:
        """All words that a question may have."""
        return {"place": PLACES, "sky": self.skies.words}.get(question, self.colours.words)


def judge(examples: Sequence[FirstLook]) -> Judge:
    """The judge that has looked at some training worlds."""
    colours = Looks.counted(COLOURS, (region for look in examples for region in _coloured(look)))
    outdoors = [look for look in examples if look.world.facts.kind == "outdoors" and look.sky.any()]
    skies = [(SKIES[look.world.facts.sky], look.picture[:, look.sky]) for look in outdoors]
    untaught = Judge(colours, Looks.counted(dict.fromkeys(SKIES.values()), skies), {})
    found = defaultdict(list)
    for look in examples:
        for question, word in asked(look).items():
            found[question].append(untaught.evidence(question, word, look.picture, look.distance))
    thresholds = {question: torch.tensor(values).quantile(MISSED).item() for question, values in found.items()}
    return Judge(colours, untaught.skies, thresholds | {"place": 0.0})


def _coloured(look: FirstLook) -> list[tuple[str, Tensor]]:
    """Regions of a picture of which the colour's name is known, with their pixels."""
    regions = [(look.world.facts.floor_colour, look.ground)]
    regions += [(thing.colour, mask) for thing, mask in zip(look.world.facts.objects, look.things, strict=True)]
    return [(colour, look.picture[:, mask]) for colour, mask in regions if colour and mask.any()]


def asked(look: FirstLook) -> dict[str, str]:
    """What can be asked of a world: by question the word that its caption says and its first view shows.

    The object is the largest with a colour among the first two, which every caption names.
    """
    facts = look.world.facts
    words = {"place": facts.kind}
    if look.sky.float().mean() >= LARGE_ENOUGH["sky"]:
        words["sky"] = SKIES[facts.sky]
    if look.ground.float().mean() >= LARGE_ENOUGH["floor"]:
        words["floor"] = facts.floor_colour
    coloured = [thing for thing in facts.objects[:2] if thing.colour and thing.share >= LARGE_ENOUGH["object"]]
    return words | ({"object": coloured[0].colour} if coloured else {})
