"""Options that several commands share, and what they mean."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flashworld.events import Report

if TYPE_CHECKING:
    import torch

    from flashworld.cameras import Cameras
    from flashworld.models.model import Model
    from flashworld.placement import Plan

OFFLOAD_FLAGS = ("offload_t5", "offload_vae", "offload_transformer_during_vae")
"""In the order of the arguments of `Plan.with_flags`."""

_TYPED = click.core.ParameterSource.COMMANDLINE

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _stack(*decorators: Decorator) -> Decorator:
    """Several options as one decorator, in the order in which `--help` lists them."""

    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def path_options(trajectory: str | None) -> Decorator:
    """Options that choose a camera path; `trajectory` is the default of the first."""
    return _stack(
        click.option(
            "--trajectory",
            default=trajectory,
            show_default=trajectory is not None,
            metavar="TEMPLATE|FILE",
            help="A template (listed by 'flashworld trajectory') or a file: our JSON, a request or its record, "
            "nerfstudio's transforms.json, a folder with COLMAP's text files.",
        ),
        click.option("--amount", type=float, help="How far a template goes. [default: its own]"),
        click.option("--frames", type=click.IntRange(1, 1024), help="How many cameras. [default: the file's, or 24]"),
        click.option("--fov", type=float, default=70.0, show_default=True,
                     help="A template's horizontal field of view in degrees, 5 to 170."),
        click.option("--easing", default="ease-in-out", show_default=True, help="How a template starts and stops."),
        click.option("--size", default="480x704", show_default=True, metavar="HxW",
                     help="Height and width of the pictures in pixels."),
    )  # fmt: skip


def model_options() -> Decorator:
    """Options that choose a model and where it works."""
    return _stack(
        click.option(
            "--model",
            metavar="tiny|flashworld|PATH",
            help="tiny comes with the package; flashworld is the published model; PATH is a folder of weights. "
            "[default: flashworld with CUDA, tiny without]",
        ),
        click.option(
            "--ckpt",
            type=click.Path(path_type=Path),
            help="The published checkpoint (model.ckpt) if it is already here; otherwise it is downloaded.",
        ),
        click.option("--device", metavar="cpu|cuda|cuda:N", help="Where it works. [default: CUDA if there is any]"),
        click.option("--plan", metavar="auto|NAME", default="auto", show_default=True,
                     help="How a GPU's memory is shared; 'flashworld doctor' lists the plans and what each needs."),
        click.option("--compile", "compiled", is_flag=True,
                     help="Compile the networks first: for folders of requests on a GPU, not for one scene."),
        click.option("--offload-t5", "--offload_t5", is_flag=True,
                     help="Keep the text encoder off the GPU: less memory, a little slower."),
        click.option("--offload-vae", "--offload_vae", is_flag=True,
                     help="Keep picture encoder and Gaussian decoder off the GPU while they rest."),
        click.option("--offload-transformer-during-vae", "--offload_transformer_during_vae", is_flag=True,
                     help="Move the transformer off the GPU while those two work: least memory, slowest."),
    )  # fmt: skip


def given(*names: str) -> list[str]:
    """Those of the running command's options that stand on its command line, spelt as there."""
    context = click.get_current_context()
    return ["--" + name.replace("_", "-") for name in names if context.get_parameter_source(name) is _TYPED]


def parse_size(text: str) -> tuple[int, int]:
    """Height and width in `480x704`."""
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text)
    if match is None or 0 in (int(match[1]), int(match[2])):
        raise click.BadParameter(f"{text!r} is no size; write height x width in pixels, such as 480x704.")
    return int(match[1]), int(match[2])


def path_from(height: int, width: int, options: dict[str, Any]) -> "Cameras":
    """The camera path that `path_options` chose, for pictures of a size."""
    import torch

    from flashworld.cameras import resample
    from flashworld.cameras.templates import TEMPLATES, make_path

    name, frames = options["trajectory"], options["frames"]
    if name not in TEMPLATES and os.path.exists(name):  # noqa: PTH110 - Path.exists raises where a name is too long
        if unused := given("amount", "fov", "easing"):
            raise click.UsageError(f"{unused[0]} belongs to a template; {name} is a path of its own. Leave out one.")
        cameras = _cameras_in(Path(name), (height, width))
        return cameras if frames in (None, len(cameras)) else resample(cameras, torch.linspace(0, 1, frames))
    if Path(name).suffix or Path(name).name != name:
        raise click.UsageError(f"There is no file {name}. 'flashworld trajectory' lists the templates.")
    return make_path(name, options["amount"], frames or 24, options["fov"], height, width, options["easing"])


def _cameras_in(path: Path, target: tuple[int, int]) -> "Cameras":
    """The path in a file, for pictures of a size.

    A request or record holds more than a path: its picture decides how intrinsics are meant.
    """
    import torch

    from flashworld.cameras import cropped
    from flashworld.cameras.files import read_path
    from flashworld.generation import path_of, read_record
    from flashworld.request.parsing import read_json

    if path.is_file() and path.suffix == ".json":
        text = path.read_bytes()
        fields = read_json(text)
        if isinstance(fields, dict) and {"request", "resolution"} & set(fields):
            request = read_record(text).request
            cameras = path_of(request)
            sizes = torch.tensor([[float(request.height), float(request.width)]] * len(cameras))
            return cropped(cameras, sizes, target)
    return read_path(path, target=target)


def chosen_model(options: dict[str, Any], report: Report) -> "Model":
    """Load the model that `model_options` chose, or the one that suits this machine."""
    from flashworld.runtime import choose_device, choose_model
    from flashworld.weights import load

    device = choose_device(options["device"])
    name = options["model"]
    if name is None:
        choice = choose_model(device)
        name = choice.name
        click.echo(f"No --model was given: {choice.reason}.")
    plan, why = chosen_plan(name, device, options)
    if why:
        click.echo(f"Memory: {why}.")
    return load(name, ckpt=options["ckpt"], device=device, plan=plan, compiled=options["compiled"], report=report)


def chosen_plan(model: str, device: "torch.device", options: dict[str, Any]) -> "tuple[Plan | None, str]":
    """The memory plan that the options ask for, or that suits the device, and a sentence about it.

    None leaves the choice to `load`, which knows a model's sizes.
    """
    from flashworld.placement import PLANS, RESIDENT, find_card, named
    from flashworld.planner import choose_plan, predict

    flags = [options[flag] for flag in OFFLOAD_FLAGS]
    name = options["plan"]
    asked = None if name == "auto" else named(name)
    card = find_card(device)
    if card is None:
        changed = any(flags) or asked in PLANS
        return None, "the options for it change nothing here, since the model works on the CPU" if changed else ""
    if any(flags) and asked is None:
        asked = RESIDENT.with_flags(*flags)
    elif asked is not None:
        asked = asked.with_flags(*flags)
    if asked is None:
        if model != "flashworld":
            return None, ""
        choice = choose_plan(card)
        return choice.plan, f"plan {choice.plan.name} ({choice.prediction.describe()}), since {choice.reason}"
    return asked, f"plan {asked.name} ({predict(asked, card).describe()}), as asked"
