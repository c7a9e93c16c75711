"""Tensors from a file become the weights of a network, one by one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from flashworld.errors import WeightsError
from flashworld.models.frames import newest_tap
from flashworld.models.model import assign
from flashworld.models.precision import weight_dtype


@dataclass(frozen=True)
class Placement:
    """Where weights live and in which format the model computes."""

    device: torch.device
    dtype: torch.dtype


@runtime_checkable
class MadeWhenAskedFor(Protocol):
    """Tensors that cost work to make, and whose shapes cost none."""

    def shape(self, name: str) -> torch.Size:
        """The shape that a tensor will have."""
        ...


def fill(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    source: str,
    placement: Placement,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Give a network on the meta device its weights.

    Every tensor goes straight to its device and becomes the weight itself, so the weights are held once: with files
    that are mapped into memory, a tensor that needs no conversion on the CPU is not even copied. Pretrained kernels
    with three temporal taps are cut to the newest one where the network has only that.

    Args:
        module: Built by `flashworld.models`.
        tensors: Exactly the weights of the network, by name.
        source: The file, for messages.
        placement: Device and dtype.
        advance: Called after each tensor.

    Raises:
        WeightsError: Names or shapes differ. Nothing has been loaded then.
    """
    wanted = weight_shapes(module)
    _check(wanted, tensors, source)
    for name, shape in wanted.items():
        target = (placement.device, weight_dtype(module, name, placement.dtype))
        assign(module, name, newest_tap(tensors[name], shape).to(*target))
        advance()
    module.to(placement.device)  # the tables that are in no file


def weight_shapes(module: nn.Module) -> dict[str, torch.Size]:
    """Names and shapes of a network's weights; a weight with two names counts once, under the first."""
    first_names: dict[int, str] = {}
    weights = module.state_dict(keep_vars=True)
    for name, value in weights.items():
        first_names.setdefault(id(value), name)
    return {name: weights[name].shape for name in first_names.values()}


def _check(wanted: Mapping[str, torch.Size], tensors: Mapping[str, Tensor], source: str) -> None:
    given_names = dict.fromkeys(tensors)  # `in` would read a tensor of a file to see whether it is there
    missing = [name for name in wanted if name not in given_names]
    unexpected = [name for name in given_names if name not in wanted]
    shapes = {name: shape_of(tensors, name) for name in wanted if name in given_names}
    wrong = [name for name, shape in shapes.items() if _cut(shape, wanted[name]) != wanted[name]]
    faults = []
    if missing:
        faults.append(f"{len(missing)} tensors are missing ({missing[0]}{_more(missing)})")
    if unexpected:
        faults.append(f"{len(unexpected)} do not belong to it ({unexpected[0]}{_more(unexpected)})")
    if wrong:
        given, allowed = list(shapes[wrong[0]]), list(wanted[wrong[0]])
        faults.append(f"{len(wrong)} have another shape ({wrong[0]} is {given}, not {allowed})")
    if faults:
        raise WeightsError(f"{source} does not hold the weights of this model: {', '.join(faults)}.")


def shape_of(tensors: Mapping[str, Tensor], name: str) -> torch.Size:
    """The shape of one of the tensors, which is not made for it."""
    return tensors.shape(name) if isinstance(tensors, MadeWhenAskedFor) else tensors[name].shape


def _cut(shape: torch.Size, wanted: torch.Size) -> torch.Size:
    return newest_tap(torch.empty(shape, device="meta"), wanted).shape


def _more(names: list[str]) -> str:
    return ", ..." if len(names) > 1 else ""
