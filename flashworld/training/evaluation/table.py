"""Scores of many worlds in one: means with their intervals, as data and as lines to read."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from flashworld.training.evaluation.worlds import WorldScores

Interval = dict[str, float]
"""`mean`, and `half_width_95`."""
AGAINST = "billboard"
"""Who the model is compared with, movement by movement."""


def interval(values: Sequence[float]) -> Interval:
    """Mean, and half the width of its 95 % interval by the normal distribution (0 for a single value)."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    return {"mean": mean, "half_width_95": 1.96 * math.sqrt(variance / len(values))}


def summary(scores: Sequence[WorldScores]) -> dict[str, Any]:
    """Means over worlds, differences from the model world by world, and novel views by movement and by way gone."""
    novel = [score.novel_psnr for score in scores]
    others = [name for name in novel[0] if name != "model"]
    by_movement: dict[str, list[dict[str, float]]] = defaultdict(list)
    by_way: dict[str, list[dict[str, float]]] = defaultdict(list)
    for score in scores:
        by_movement[score.template].append(score.novel_psnr)
        for way, psnrs in score.novel_psnr_by_way.items():
            by_way[way].append(psnrs)
    return {
        "worlds": len(scores),
        "abs_rel": interval([score.abs_rel for score in scores]),
        "abs_rel_constant": interval([score.abs_rel_constant for score in scores]),
        "holes": interval([score.holes for score in scores]),
        "floaters": _each(scores, lambda score: score.floaters),
        "input_psnr": _each(scores, lambda score: score.input_psnr),
        "novel_psnr": _each(scores, lambda score: score.novel_psnr),
        "novel_ssim": _each(scores, lambda score: score.novel_ssim),
        "novel_gmsd": _each(scores, lambda score: score.novel_gmsd),
        "gain_over": {name: interval([psnrs["model"] - psnrs[name] for psnrs in novel]) for name in others},
        "better_than": {name: sum(psnrs["model"] > psnrs[name] for psnrs in novel) / len(novel) for name in others},
        "by_movement": {name: _compared(by_movement[name]) for name in sorted(by_movement)},
        "by_way": {name: _compared(by_way[name]) for name in sorted(by_way)},
        "each": [asdict(score) for score in scores],
    }


def _each(scores: Sequence[WorldScores], value: Callable[[WorldScores], dict[str, float]]) -> dict[str, Interval]:
    return {name: interval([value(score)[name] for score in scores]) for name in value(scores[0])}


def _compared(psnrs: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "worlds": len(psnrs),
        **{name: interval([each[name] for each in psnrs]) for name in ("model", AGAINST)},
        "gain": interval([each["model"] - each[AGAINST] for each in psnrs]),
    }


def lines(result: dict[str, Any]) -> list[str]:
    """A summary as text."""
    said = [
        f"AbsRel {shown(result['abs_rel'])}, of a constant {shown(result['abs_rel_constant'])}",
        f"holes  {shown(result['holes'])}",
        "",
        row("", "input view", "novel views", "SSIM", "GMSD", "floaters", "model better by", "in"),
        row("", "PSNR", "PSNR", "", "", "", "", ""),
    ]
    for name in result["novel_psnr"]:
        compared = ("", "")
        if name in result["gain_over"]:
            compared = shown(result["gain_over"][name]), f"{100 * result['better_than'][name]:.0f} %"
        cells = [shown(result[key][name]) for key in ("input_psnr", "novel_psnr", "novel_ssim", "novel_gmsd")]
        floating = shown(result["floaters"][name]) if name in result["floaters"] else ""
        said.append(row(name, *cells, floating, *compared))
    for title, key in (("by movement", "by_movement"), ("by way gone", "by_way")):
        said += ["", row(title, "model", AGAINST, "model better by", "worlds")]
        for name, found in result[key].items():
            cells = [shown(found[column]) for column in ("model", AGAINST, "gain")]
            said.append(row(name, *cells, str(found["worlds"])))
    return said


def row(name: str, *cells: str) -> str:
    """A line of a table: a name and its cells."""
    return (f"{name:<22}" + "".join(f"{cell:<17}" for cell in cells)).rstrip()


def shown(value: Interval) -> str:
    """An interval as text."""
    return f"{value['mean']:.2f} ± {value['half_width_95']:.2f}"
