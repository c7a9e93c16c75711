"""What this machine offers and what follows from it: device, number format, model."""

import logging
import os
import sys
from dataclasses import dataclass

import torch

from flashworld.errors import BackendError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """An automatic choice and why it was made, as one sentence for a person."""

    name: str
    reason: str


def choose_device(asked: str | None = None) -> torch.device:
    """The device that was asked for (`cpu`, `cuda`, `cuda:1`, `mps`), or the best one here.

    Raises:
        BackendError: There is no such device, or torch cannot use it here.
    """
    if asked is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError:
        raise BackendError(f"There is no device called {asked!r}: use cpu, cuda, cuda:0, cuda:1, ... or mps.") from None
    usable = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }.get(device.type, 0)
    if (device.index or 0) >= usable:
        have = f"{usable} of its kind" if usable else "no such device"
        raise BackendError(
            f"Device {asked} was asked for, but torch {torch.__version__} finds {have} here: "
            "use --device cpu, or install a driver and a torch build that fit the device."
        )
    return device


def let_memory_grow() -> None:
    """Let torch grow its blocks of a GPU's memory in place, unless the user has settings of their own.

    Otherwise some 3 of 23 GiB are lost between blocks, and plans that fit run out of memory. It has to be said before
    the first allocation there. Only Linux can do it.
    """
    if sys.platform == "linux" and not {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"} & os.environ.keys():
        os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"


def choose_dtype(device: torch.device) -> torch.dtype:
    """The format in which networks compute: bfloat16 on CUDA, float32 elsewhere. Geometry is float32 everywhere."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def choose_model(device: torch.device) -> Choice:
    """The model that suits a device: the published one on CUDA, the small one elsewhere."""
    if device.type == "cuda":
        choice = Choice("flashworld", f"{torch.cuda.get_device_name(device)} can run the published model")
    else:
        choice = Choice("tiny", f"the published model needs CUDA and this runs on {device}, so the small one is used")
    log.info("model %s: %s", choice.name, choice.reason)
    return choice
