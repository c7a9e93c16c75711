"""`flashworld eval`: how good a model is on worlds that it has never met."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flashworld.apps.cli.options import writable_folder
from flashworld.publish import published

if TYPE_CHECKING:
    from PIL.Image import Image

    from flashworld.models.model import Model
    from flashworld.training.evaluation import CaptionScores, WorldScores


@click.command("eval")
@click.option("--model", default="tiny", show_default=True, metavar="tiny|PATH", help="tiny, or a folder of weights.")
@click.option("--worlds", type=click.IntRange(0), default=100, show_default=True, help="How many held-out worlds.")
@click.option(
    "--captions",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="How many captions of held-out worlds, without their pictures.",
)
@click.option(
    "--reach",
    type=click.FloatRange(0.05, 1.0),
    help="How far the worlds' paths go, as a share of the first view's median distance. [default: as in training, 0.4]",
)
@click.option("--device", metavar="cpu|cuda|cuda:N", help="Where the model works. [default: CUDA if there is any]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for scores.json and the sheets worlds.png and captions.png. [default: none are written]",
)
def command(
    model: str, worlds: int, captions: int, reach: float | None, device: str | None, output: Path | None
) -> None:
    """Score a model on held-out procedural worlds, beside a repeated picture, billboards and its own first step.

    With --captions, also on sentences alone: are place, sky, floor and things as they say? What is measured, and how,
    is in docs/evaluation.md.
    """
    from flashworld.runtime import choose_device
    from flashworld.weights import load

    if output is not None:
        writable_folder(output)
    loaded = load(model, device=choose_device(device))
    if loaded.config.native is None:
        raise click.BadParameter(f"{model} has no native size, at which held-out worlds could be seen.")
    if not loaded.trained:
        click.echo("This model is untrained: its scores say what noise is worth.")
    facts = {"model": model, "weights": loaded.weights, "native": loaded.config.native}
    result, sheets = _scores(loaded, worlds, captions, reach)
    if output is not None:
        with published(output / "scores.json") as beside:
            beside.write_text(json.dumps({**facts, **result}, indent=1), encoding="utf-8")
        for name, sheet in sheets.items():
            with published(output / f"{name}.png") as beside:
                sheet.save(beside, format="PNG")


def _scores(
    model: "Model", worlds: int, captions: int, reach: float | None
) -> tuple[dict[str, Any], "dict[str, Image]"]:
    """All scores that are asked for, told as they come, and the sheets by name."""
    from flashworld.training import evaluation

    result: dict[str, Any] = {}
    sheets = {}
    if worlds:
        scores, sheets["worlds"] = evaluation.evaluate(model, worlds, _show, reach)
        result = {"reach": reach, **evaluation.summary(scores)}
        click.echo("\n" + "\n".join(evaluation.lines(result)) + "\n")
    if captions:
        answers, sheets["captions"] = evaluation.evaluate_captions(model, captions, _show_caption)
        result["captions"] = evaluation.caption_summary(answers)
        click.echo("\n" + "\n".join(evaluation.caption_lines(result["captions"])))
    return result, sheets


def _show(score: "WorldScores") -> None:
    shown, novel = score.input_psnr["model"], score.novel_psnr["model"]
    click.echo(f"{score.template:<13} input {shown:.1f}  novel {novel:.1f}  {score.caption[:70]}")


def _show_caption(score: "CaptionScores") -> None:
    answers = "  ".join(f"{name} {'yes' if right else 'no':<3}" for name, right in score.right.items())
    click.echo(f"{score.caption[:70]:<72} {answers}")
