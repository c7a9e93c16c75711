"""Bars that move while the library works."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flashworld.events import Progress, Report, ignore

TITLES = {
    "load": "Loading the model",
    "text": "Reading the sentence",
    "picture": "Reading the picture",
    "denoise": "Predicting",
    "decode": "Building Gaussians",
    "render": "Rendering views",
    "encode": "Encoding views",
    "write": "Writing",
}


@contextmanager
def progress_bars(num_steps: int = 0, quiet: bool = False) -> Iterator[Report]:
    """A report that draws one bar for the stage at work, on standard error and only on a terminal.

    `num_steps` is the number of denoising steps, shown beside the stages that belong to a step.
    """
    if quiet or not sys.stderr.isatty():
        yield ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(file=sys.stderr)
    columns = TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=None)
        current: tuple[str, int | None] | None = None

        def report(progress: Progress) -> None:
            nonlocal current
            if (progress.stage, progress.step) != current:
                current = (progress.stage, progress.step)
                where = "" if progress.step is None else f"Step {progress.step + 1}/{num_steps} · "
                bars.reset(task, description=where + TITLES[progress.stage], total=progress.total)
            bars.update(task, completed=progress.done, total=progress.total)

        yield report
