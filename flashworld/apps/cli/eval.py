"""`flashworld eval`: how good a model is on worlds that it has never met."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flashworld.training.evaluation import WorldScores


@click.command("eval")
@click.option("--model", default="tiny", show_default=True, metavar="tiny|PATH", help="tiny, or a folder of weights.")
@click.option("--worlds", type=click.IntRange(1), default=100, show_default=True, help="How many held-out worlds.")
@click.option("--device", metavar="cpu|cuda|cuda:N", help="Where the model works. [default: CUDA if there is any]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for scores.json and sheet.png. [default: none are written]",
)
def command(model: str, worlds: int, device: str | None, output: Path | None) -> None:
    """Score a model on held-out procedural worlds, beside a repeated picture, billboards and its own first step."""
    from flashworld.runtime import choose_device
    from flashworld.training.evaluation import evaluate, summary
    from flashworld.weights import load

    loaded = load(model, device=choose_device(device))
    if loaded.config.native is None:
        raise click.BadParameter(f"{model} has no native size, at which held-out worlds could be seen.")
    if not loaded.trained:
        click.echo("This model is untrained: its scores say what noise is worth.")
    scores, sheet = evaluate(loaded, worlds, _show)
    result = summary(scores)
    for line in _table(result):
        click.echo(line)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / "scores.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
        sheet.save(output / "sheet.png")


def _show(score: "WorldScores") -> None:
    shown, novel = score.input_psnr["model"], score.novel_psnr["model"]
    click.echo(f"{score.template:<13} input {shown:.1f}  novel {novel:.1f}  {score.caption[:70]}")


def _table(result: dict[str, Any]) -> list[str]:
    def shown(value: dict[str, float]) -> str:
        return f"{value['mean']:.2f} ± {value['half_width_95']:.2f}"

    lines = [f"{name:<22} {shown(result[name])}" for name in ("abs_rel", "abs_rel_constant", "holes")]
    lines.append(
        f"{'PSNR and SSIM of':<23}{'input view':<15}{'novel views':<15}{'':<15}worlds in which the model is better"
    )
    for name, value in result["novel_psnr"].items():
        better = result["better_than"].get(name)
        share = "" if better is None else f"{100 * better:.0f} %"
        scores = (result["input_psnr"][name], value, result["novel_ssim"][name])
        lines.append(f"  {name:<21}{''.join(f'{shown(score):<15}' for score in scores)}{share}")
    return lines
