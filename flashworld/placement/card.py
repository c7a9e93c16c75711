"""The GPU that was found, as far as predictions need it."""

from dataclasses import dataclass

import torch

_PER_MULTIPROCESSOR = {(7, 5): 1024, (8, 0): 2048, (8, 6): 512, (8, 9): 512, (9, 0): 4096, (10, 0): 8192, (12, 0): 512}
"""Floating-point operations of a multiprocessor in a cycle, dense bfloat16 products summed in float32 (NVIDIA's tuning
guides and white papers). Workstation cards of 8.9 and 12.0 do twice as much; the smaller number is the safer one."""

_TYPICAL_CLOCK = 1.7e9


@dataclass(frozen=True)
class Card:
    """A GPU. `matrix_rate` is floating-point operations in a second, dense bfloat16, from its data sheet's arithmetic.

    `host_link` is bytes in a second from main memory, as PCIe 4.0 x16 really gives them.
    """

    name: str
    total: int
    free: int
    fp8_product: bool
    matrix_rate: float
    host_link: float = 20e9


def find_card(device: torch.device) -> Card | None:
    """What torch tells about a CUDA device; None for other devices."""
    if device.type != "cuda":
        return None
    facts = torch.cuda.get_device_properties(device)
    free, total = torch.cuda.mem_get_info(device)
    capability = (facts.major, facts.minor)
    known = [entry for entry in _PER_MULTIPROCESSOR if entry <= capability]
    per_cycle = _PER_MULTIPROCESSOR[max(known)] if known else 512
    clock = 1e3 * getattr(facts, "clock_rate", 0) or _TYPICAL_CLOCK
    return Card(
        name=facts.name,
        total=total,
        free=free,
        fp8_product=capability >= (8, 9),
        matrix_rate=per_cycle * facts.multi_processor_count * clock,
    )
