"""Several processes that train one model: each takes some parts of every step, and all move alike.

They are started by `torchrun` or `accelerate launch`, which tell each by environment variables who it is. Every process
has the whole model and sees the same worlds; the parts of a step have random numbers of their own, so how many share
them changes nothing but the order of sums. Started alone, a process is its own company, and nothing here does anything.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn

from flashworld.errors import BackendError


@contextmanager
def together(device: torch.device) -> Iterator[torch.device]:
    """Join the company that was started, if one was; gives this process its device, of several GPUs one for each."""
    num = int(os.environ.get("WORLD_SIZE", "1"))
    if num == 1:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes files and speaks."""
    return not dist.is_initialized() or dist.get_rank() == 0


def own(parts: int) -> range:
    """Numbers of the parts of a step that this process takes.

    Raises:
        BackendError: The parts cannot be shared evenly.
    """
    if parts % size():
        raise BackendError(f"{size()} processes cannot share {parts} parts of a step evenly: start another number.")
    return range(dist.get_rank() if dist.is_initialized() else 0, parts, size())


def first_says(yes: bool) -> bool:
    """What the first process says, in all of them: clocks differ."""
    if size() == 1:
        return yes
    said = [yes]
    dist.broadcast_object_list(said, src=0)
    return said[0]


def wait() -> None:
    """Go on when all have come here: what the first one wrote is then there for the others."""
    if size() > 1:
        dist.barrier()


def add_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Give all processes the sum of their gradients. A parameter that no process has used keeps none."""
    if size() == 1:
        return
    device = parameters[0].device
    used = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.uint8, device=device)
    dist.all_reduce(used, dist.ReduceOp.MAX)
    chosen = [parameter for parameter, anywhere in zip(parameters, used.tolist(), strict=True) if anywhere]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in chosen]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for parameter, total in zip(chosen, flat.split([p.numel() for p in chosen]), strict=True):
        parameter.grad = torch.empty_like(parameter).copy_(total.view_as(parameter))  # laid out like the parameter
