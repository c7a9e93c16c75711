"""Scores of a model: on worlds that it has never met, and on sentences alone.

`worlds` makes each held-out world's scene and scores it, beside what can be done without a model (`baselines`); `table`
gathers scores over worlds. `captions` does without the picture and asks `questions` of what comes. Formulas are in
`flashworld.training.measures` and `geometry`.
"""

from flashworld.training.evaluation.captions import CaptionScores, caption_lines, caption_summary, evaluate_captions
from flashworld.training.evaluation.table import interval, lines, summary
from flashworld.training.evaluation.worlds import WorldScores, evaluate

__all__ = [
    "CaptionScores",
    "WorldScores",
    "caption_lines",
    "caption_summary",
    "evaluate",
    "evaluate_captions",
    "interval",
    "lines",
    "summary",
]
