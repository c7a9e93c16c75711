"""`flashworld train`: a model from nothing, or from another model."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flashworld.apps.cli.options import writable_folder

if TYPE_CHECKING:
    from flashworld.training.trainer import LogEntry


@click.command("train")
@click.argument("recipe", metavar="RECIPE")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for all that comes of it."
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of real scenes to learn from: a folder each, pictures with nerfstudio's or COLMAP's cameras. "
    "[default: worlds made on the way]",
)
@click.option("--resume", is_flag=True, help="Go on with what is in the folder, to the same result.")
@click.option(
    "--stage", metavar="NAME", help="Train this stage alone: autoencoder, lift, dual or distil. [default: all]"
)
@click.option("--steps", type=click.IntRange(1), help="Of the stage that --stage names. [default: the recipe's]")
@click.option(
    "--from",
    "model",
    metavar="tiny|PATH",
    help="Begin with this model, and with --stage, or the stage lift. It may have fewer layers than the recipe's. "
    "[default: begin with nothing]",
)
@click.option(
    "--cast",
    type=click.IntRange(1),
    metavar="N",
    help="Only cast N worlds into OUTPUT/worlds, from which every stage learns then; on the device, if it is CUDA. "
    "[default: cast on the way]",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0), help="Stop after this long; --resume goes on. [default: never]"
)
@click.option("--device", metavar="cpu|cuda|cuda:N", help="Where it trains. [default: CUDA if there is any]")
@click.option(
    "--compile",
    "compiled",
    is_flag=True,
    help="Compile what each step does again: for stages of many minutes on a GPU.",
)
@click.option(
    "--processes",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Processes that make worlds; 0 uses threads. Beside a GPU, as many as there are cores.",
)
def command(
    recipe: str,
    output: Path,
    data: Path | None,
    resume: bool,
    stage: str | None,
    steps: int | None,
    model: str | None,
    cast: int | None,
    minutes: float | None,
    device: str | None,
    compiled: bool,
    processes: int,
) -> None:
    """Train the model of RECIPE (tiny, tiny-smoke, flashworld) on worlds made on the way, or on real scenes.

    Every stage writes its checkpoint, log.jsonl and contact sheets to a folder of its own in OUTPUT.
    """
    import torch

    from flashworld.runtime import choose_device
    from flashworld.training import company
    from flashworld.training.data import background
    from flashworld.training.recipes import RECIPES, with_steps
    from flashworld.training.run import STAGES, run
    from flashworld.training.store import cast_store
    from flashworld.training.worlds import cuda_caster

    if recipe not in RECIPES:
        raise click.BadParameter(f"{recipe!r} is no recipe; choose one of {', '.join(RECIPES)}.")
    if stage not in (None, *STAGES):
        raise click.BadParameter(f"{stage!r} is no stage; choose one of {', '.join(STAGES)}.")
    if stage == next(iter(STAGES)) and model is not None:
        raise click.BadParameter(f"no model is needed to train {stage}: leave out --from, or choose another stage.")
    if steps is not None and stage is None:
        raise click.BadParameter("--steps are those of a stage: name it by --stage.")
    writable_folder(output)
    settings = RECIPES[recipe]()
    if cast is not None:
        caster = choose_device(device)
        if device is None and caster.type == "cuda" and (lack := cuda_caster.missing()):
            click.echo(f"Worlds are cast on the processor: {lack}")
            caster = choose_device("cpu")
        with background(processes) as executor:
            cast_store(output / "worlds", settings.sight, cast, executor, caster)
        click.echo(f"The worlds are in {output / 'worlds'}.")
        return
    torch.backends.cudnn.benchmark = True  # nearly all steps have the same shapes
    with company.together(choose_device(device)) as place:
        done = run(
            settings if stage is None or steps is None else with_steps(settings, stage, steps),
            output,
            resume=resume,
            minutes=minutes,
            device=place,
            processes=processes,
            listen=_show,
            only=stage,
            data=data,
            model=model,
            compiled=compiled,
        )
        if not company.is_first():
            return
    click.echo(f"Done; what came of it is in {output}." if done else "Time is up; --resume goes on from here.")


def _show(entry: "LogEntry") -> None:
    values = "  ".join(f"{name} {value:.4g}" for name, value in entry.values.items())
    click.echo(f"{entry.stage} {entry.step}/{entry.steps}  {entry.seconds:.0f} s  {values}")
