"""What a model makes of sentences alone: captions of held-out worlds, without their pictures.

Of each scene's first view is asked what the caption says (`questions`): is this a room, is the sky grey, is the floor
red, is something blue? The same is asked of the world's own picture, which tells how well the judge sees, and with a
word that the caption does not say, which tells how little a yes may mean.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from flashworld.models.model import Model
from flashworld.rendering import render
from flashworld.training.data import SeenWorld, Sight
from flashworld.training.evaluation.geometry import rendered_distance
from flashworld.training.evaluation.looks import FirstLook, first_look
from flashworld.training.evaluation.questions import QUESTIONS, Judge, asked, judge
from flashworld.training.evaluation.table import interval, row, shown
from flashworld.training.evaluation.worlds import scenes_by_step
from flashworld.training.measures import captioned_sheet
from flashworld.training.worlds import scored_seed, training_seed

EXAMPLES = 600
"""Training worlds at which the judge looks."""
ON_THE_SHEET = 12
"""Captions on the sheet."""


@dataclass(frozen=True)
class CaptionScores:
    """Answers for one caption, by question; questions that the world's own first view does not settle are not asked."""

    seed: int
    caption: str
    word: dict[str, str]
    """What the caption says."""
    wrong_word: dict[str, str]
    """Something that it does not say."""
    right: dict[str, bool]
    """Whether the model's scene shows what the caption says; `wrong`: what it does not say."""
    wrong: dict[str, bool]
    right_of_truth: dict[str, bool]
    """The same of the world's own picture."""
    wrong_of_truth: dict[str, bool]
    one_word: float | None
    """How much the first view changes with the word for the floor's colour alone: mean difference in 255ths."""


def evaluate_captions(
    model: Model, num_captions: int, heard: Callable[[CaptionScores], None], examples: int = EXAMPLES
) -> tuple[list[CaptionScores], Image.Image]:
    """Answers for the captions of the first `num_captions` scored worlds, and a sheet of the first few scenes."""
    assert model.config.native is not None, "a model without a native size has no size to be scored at"
    views, height, width = model.config.native
    sight = Sight(height, width, views, 0)
    seen_by = judge([first_look(training_seed(index)) for index in range(examples)])
    scores, rows = [], []
    for index in range(num_captions):
        seed = scored_seed(index)
        score, pictures = _scored(model, sight(seed), first_look(seed), seen_by)
        scores.append(score)
        heard(score)
        if index < ON_THE_SHEET:
            rows.append((score.caption, pictures))
    return scores, captioned_sheet(rows)


def _scored(
    model: Model, seen: SeenWorld, look: FirstLook, judge: Judge
) -> tuple[CaptionScores, Float[Tensor, "views 3 height width"]]:
    seed, told = look.world.seed, look.world.caption
    pictures, distance = world_of(model, seen, told, seed)
    word = asked(look)
    wrong_word = {question: wrong_word_for(judge.words(question), said, told, seed) for question, said in word.items()}

    def answers(words: dict[str, str], picture: Tensor, distance: Tensor) -> dict[str, bool]:
        return {question: judge.says(question, said, picture, distance) for question, said in words.items()}

    one_word = None
    if "floor" in word:
        changed, _ = world_of(model, seen, another_floor(look, wrong_word["floor"]), seed)
        one_word = 255 * (changed[0] - pictures[0]).abs().mean().item()
    return CaptionScores(
        seed=seed,
        caption=told,
        word=word,
        wrong_word=wrong_word,
        right=answers(word, pictures[0], distance),
        wrong=answers(wrong_word, pictures[0], distance),
        right_of_truth=answers(word, look.picture, look.distance),
        wrong_of_truth=answers(wrong_word, look.picture, look.distance),
        one_word=one_word,
    ), pictures


def wrong_word_for(words: Sequence[str], right: str, caption: str, seed: int) -> str:
    """Another than the right one of several words, and where there is one, none of the caption; one for each seed."""
    wrong = [word for word in words if word != right]
    left = [word for word in wrong if word not in caption.lower()] or wrong
    return left[seed % len(left)]


def another_floor(look: FirstLook, colour: str) -> str:
    """A world's caption with another word for the floor's colour."""
    facts = look.world.facts
    floor = facts.floor.replace(facts.floor_colour, colour, 1)
    return re.sub(re.escape(facts.floor), floor, look.world.caption, count=1, flags=re.IGNORECASE)


def world_of(
    model: Model, seen: SeenWorld, caption: str, seed: int
) -> tuple[Float[Tensor, "views 3 height width"], Float[Tensor, "height width"]]:
    """Pictures of all views of what a model makes of a caption and a world's path, and the first view's distances."""
    told = replace(seen, caption=caption)
    anchor = model.config.anchored
    scene = scenes_by_step(model, told, len(seen.cameras), seed, anchor=anchor, shown=False)[-1].to("cpu")
    rendering = render(scene, seen.cameras, *seen.rgb.shape[-2:])
    return rendering.colour.clamp(0, 1), rendered_distance(rendering, seen.cameras)[0]


def caption_summary(scores: Sequence[CaptionScores]) -> dict[str, Any]:
    """Shares of right answers by question, with their intervals, of the model and of the truth, and the controls."""

    def share(kind: str, question: str) -> dict[str, float]:
        answers = [getattr(score, kind) for score in scores]
        return interval([float(given[question]) for given in answers if question in given])

    kinds = ("right", "wrong", "right_of_truth", "wrong_of_truth")
    questions = [question for question in QUESTIONS if any(question in score.word for score in scores)]
    changes = [score.one_word for score in scores if score.one_word is not None]
    return {
        "captions": len(scores),
        "questions": {
            question: {
                "asked": sum(question in score.word for score in scores),
                **{kind: share(kind, question) for kind in kinds},
            }
            for question in questions
        },
        "one_word": interval(changes) if changes else None,
        "each": [asdict(score) for score in scores],
    }


def caption_lines(result: dict[str, Any]) -> list[str]:
    """A summary as text."""
    said = [row("captions", "asked", "right", "of truth", "wrong word", "of truth")]
    for question, found in result["questions"].items():
        kinds = ("right", "right_of_truth", "wrong", "wrong_of_truth")
        said.append(row(question, str(found["asked"]), *(shown(found[kind]) for kind in kinds)))
    if result["one_word"] is not None:
        said.append(f"another word for the floor changes pictures by {shown(result['one_word'])} of 255")
    return said
