"""`flashworld eval`: how good a model is on worlds that it has never met."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flashworld.training.evaluation import WorldScores


@click.command("eval")
@click.option("--model", default="tiny", show_default=True, metavar="tiny|PATH", help="tiny, or a folder of weights.")
@click.option("--worlds", type=click.IntRange(1), default=100, show_default=True, help="How many held-out worlds.")
@click.option(
    "--reach",
    type=click.FloatRange(0.05, 1.0),
    help="How far paths go, as a share of the first view's median distance. [default: as in training, 0.4]",
)
@click.option("--device", metavar="cpu|cuda|cuda:N", help="Where the model works. [default: CUDA if there is any]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for scores.json and sheet.png. [default: none are written]",
)
def command(model: str, worlds: int, reach: float | None, device: str | None, output: Path | None) -> None:
    """Score a model on held-out procedural worlds, beside a repeated picture, billboards and its own first step.

    What is measured, and how, is in docs/evaluation.md.
    """
    from flashworld.runtime import choose_device
    from flashworld.training.evaluation import evaluate, lines, summary
    from flashworld.weights import load

    loaded = load(model, device=choose_device(device))
    if loaded.config.native is None:
        raise click.BadParameter(f"{model} has no native size, at which held-out worlds could be seen.")
    if not loaded.trained:
        click.echo("This model is untrained: its scores say what noise is worth.")
    scores, sheet = evaluate(loaded, worlds, _show, reach)
    result = summary(scores)
    click.echo("\n" + "\n".join(lines(result)))
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        facts = {"model": model, "weights": loaded.weights, "native": loaded.config.native, "reach": reach}
        (output / "scores.json").write_text(json.dumps({**facts, **result}, indent=1), encoding="utf-8")
        sheet.save(output / "sheet.png")


def _show(score: "WorldScores") -> None:
    shown, novel = score.input_psnr["model"], score.novel_psnr["model"]
    click.echo(f"{score.template:<13} input {shown:.1f}  novel {novel:.1f}  {score.caption[:70]}")
