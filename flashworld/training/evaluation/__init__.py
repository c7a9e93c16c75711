"""Scores of a model: on worlds that it has never met, and on sentences that nobody has drawn for it.

`worlds` makes each held-out world's scene and scores it, beside what can be done without a model (`baselines`); `table`
gathers scores over worlds. Formulas are in `flashworld.training.measures` and `geometry`.
"""

from flashworld.training.evaluation.table import interval, lines, summary
from flashworld.training.evaluation.worlds import WorldScores, evaluate

__all__ = ["WorldScores", "evaluate", "interval", "lines", "summary"]
