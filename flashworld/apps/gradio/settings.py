"""What `python app_gradio.py` can be told, and the model that follows from it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from flashworld.models.model import Model
from flashworld.placement import CPU_PLAN, RESIDENT, Plan
from flashworld.runtime import choose_device, choose_model
from flashworld.weights import load


@dataclass(frozen=True)
class Settings:
    """The command line. `hosted` is true on ZeroGPU, where GPU calls are granted for some seconds."""

    model: str | None
    ckpt: str | None
    offload_t5: bool
    offload_vae: bool
    port: int
    share: bool
    hosted: bool


def read_settings(arguments: Sequence[str], hosted: bool) -> Settings:
    """The settings in a command line; `--help` and mistakes end the program."""
    parser = argparse.ArgumentParser(
        prog="python app_gradio.py", description="The FlashWorld page for one machine, or for a Space on ZeroGPU."
    )
    parser.add_argument(
        "--model",
        metavar="tiny|flashworld|PATH",
        help="tiny comes with the package; flashworld is the published model; PATH is a folder of weights "
        "(default: flashworld with CUDA, tiny without)",
    )
    parser.add_argument("--ckpt", metavar="FILE", help="the published checkpoint, if it is already here")
    parser.add_argument(
        "--offload-t5",
        "--offload_t5",
        action="store_true",
        help="keep the text encoder off the GPU: less memory, slightly slower",
    )
    parser.add_argument(
        "--offload-vae",
        "--offload_vae",
        action="store_true",
        help="keep picture encoder and Gaussian decoder off the GPU while they rest",
    )
    parser.add_argument("--port", type=int, default=7860, help="where the page listens (default: 7860)")
    parser.add_argument("--share", action="store_true", help="open a public link for some days")
    given = parser.parse_args(arguments)
    return Settings(
        model=given.model,
        ckpt=given.ckpt,
        offload_t5=given.offload_t5,
        offload_vae=given.offload_vae,
        port=given.port,
        share=given.share,
        hosted=hosted,
    )


def load_chosen(settings: Settings) -> tuple[Model, Plan]:
    """The model for all visitors, and the plan of its memory as far as the budget has to know it.

    On a machine of one's own the library chooses a plan that suits the GPU unless an option says otherwise. ZeroGPU's
    is not there yet when the program starts, and is large enough for everything. The rasteriser is imported here too:
    what a process has imported, its forks need no GPU seconds for.

    Raises:
        WeightsError: Weights are missing or damaged.
    """
    device = choose_device()
    name = settings.model or choose_model(device).name
    asked = RESIDENT.with_flags(settings.offload_t5, settings.offload_vae, False)
    plan = None
    if device.type == "cuda" and name != "tiny" and (settings.hosted or asked != RESIDENT):
        plan = asked
    model = load(name, ckpt=settings.ckpt, device=device, plan=plan, gpu_later=settings.hosted)
    import_module(f"flashworld.rendering.{'triton' if device.type == 'cuda' else 'numba'}_rasteriser")
    # Its name stands on the page and in what visitors take away: a folder's way to it is not their business.
    return replace(model, name=Path(name).name), CPU_PLAN if device.type == "cpu" else asked
