"""Options that choose a model and where it works: the same for the commands and the studio."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flashworld.events import Report

if TYPE_CHECKING:
    import torch

    from flashworld.models.model import Model
    from flashworld.placement import Plan

OFFLOAD_FLAGS = ("offload_t5", "offload_vae", "offload_transformer_during_vae")
"""In the order of the arguments of `Plan.with_flags`."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def stacked(*decorators: Decorator) -> Decorator:
    """Several options as one decorator, in the order in which `--help` lists them."""

    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def model_options() -> Decorator:
    """Options that choose a model and where it works."""
    return stacked(
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
                     help="Compile the networks first: for folders of requests on a GPU before capability 8.9."),
        click.option("--offload-t5", "--offload_t5", is_flag=True,
                     help="Keep the text encoder off the GPU: less memory, a little slower."),
        click.option("--offload-vae", "--offload_vae", is_flag=True,
                     help="Keep picture encoder and Gaussian decoder off the GPU while they rest."),
        click.option("--offload-transformer-during-vae", "--offload_transformer_during_vae", is_flag=True,
                     help="Move the transformer off the GPU while those two work: least memory, slowest."),
    )  # fmt: skip


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
