"""`flashworld doctor`: what this machine has, what it would choose and why, what is missing."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and what mends a fault."""

    subject: str
    text: str
    sign: Literal["has", "has not", "fault"] = "has"
    mend: str | None = None


_SIGNS = {"has": ("✓", "green"), "has not": ("–", "white"), "fault": ("✗", "red")}


@click.command("doctor")
def command() -> None:
    """Show what this machine has, which model it would choose and why, which rasterisers work, and what is missing."""
    findings = list(_findings())
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        sign, colour = _SIGNS[finding.sign]
        click.echo(f"{click.style(sign, fg=colour)} {finding.subject:<{width}}  {finding.text}")
        if finding.mend:
            click.echo(f"  {'':<{width}}  → {finding.mend}")
    if any(finding.sign == "fault" for finding in findings):
        sys.exit(1)


def _findings() -> Iterator[Finding]:
    from flashworld.generation.record import versions_here

    versions = versions_here()
    yield Finding(
        "flashworld", f"{versions['flashworld']}, Python {versions['python']}, {platform.platform(terse=True)}"
    )
    yield Finding("packages", ", ".join(f"{name} {version}" for name, version in versions.items() if name != "python"))
    yield Finding("processor", f"{os.cpu_count()} cores, {_memory()}")
    yield from _device()
    yield from _rasterisers()
    yield _disk()
    yield _cache()
    yield from _weights()


def _memory() -> str:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not on Windows
        return "memory unknown"
    return f"{pages * size / 2**30:.0f} GiB of memory"


def _device() -> Iterator[Finding]:
    import torch

    from flashworld.runtime import choose_device, choose_dtype, choose_model

    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        text = f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB, compute capability {facts.major}.{facts.minor}"
        yield Finding(f"cuda:{index}", text)
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        yield Finding(
            "cuda",
            f"there is an NVIDIA driver, but torch {torch.__version__} cannot use it",
            sign="fault",
            mend="pip install --force-reinstall torch   (a build for your driver's CUDA version)",
        )
    device = choose_device(None)
    choice = choose_model(device)
    yield Finding("device", f"{device}, {str(choose_dtype(device)).removeprefix('torch.')}")
    yield Finding("model", f"{choice.name}: {choice.reason}")
    yield from _plans(device)


def _plans(device: "torch.device") -> Iterator[Finding]:
    """What the published model would need by each memory plan, on this GPU if there is one."""
    from flashworld.placement import find_card
    from flashworld.planner import choose_plan, predict
    from flashworld.planner.prediction import EXAMPLE_CARD, suited

    found = find_card(device)
    card = found or EXAMPLE_CARD
    chosen = choose_plan(card).plan if found else None
    for plan in suited(card):
        mark = " (chosen)" if plan == chosen else ""
        yield Finding(f"plan {plan.name}{mark}", f"{predict(plan, card).describe()}: {plan.describe()}",
                      sign="has" if found else "has not")  # fmt: skip
    yield Finding("plans are for", f"24 views of 480x704 of the published model on {card.name}")


def _rasterisers() -> Iterator[Finding]:
    from flashworld.rendering import available

    for name, missing in available().items():
        # A rasteriser for another device is no fault of this machine.
        usable = missing is None
        yield Finding(f"rasteriser {name}", "usable" if usable else missing, "has" if usable else "has not")


def _cache() -> Finding:
    from flashworld.cache import cache_folder, cached_bytes

    return Finding("cache", f"{cached_bytes() / 1e9:.1f} GB in {cache_folder()}; 'flashworld cache --clear' removes it")


def _disk() -> Finding:
    home = Path.home()
    # Some accounts' home does not exist: the disk is that of the nearest folder which does.
    there = next(folder for folder in (home, *home.parents) if os.path.isdir(folder))  # noqa: PTH112 - Path.is_dir raises where it may not look
    return Finding(
        "disk", f"{shutil.disk_usage(there).free / 1e9:.0f} GB free in {there} (the published weights need about 40 GB)"
    )


def _weights() -> Iterator[Finding]:
    from flashworld.weights.hub import has_checkpoint
    from flashworld.weights.loading import has_trained_tiny

    yield Finding(
        "tiny", "trained weights come with the package" if has_trained_tiny() else "untrained: scenes are noise"
    )
    here = "the published checkpoint is on this machine"
    away = "the published checkpoint is not here; it is downloaded when first used, or name it with --ckpt"
    yield Finding("flashworld", here) if has_checkpoint() else Finding("flashworld", away, "has not")
