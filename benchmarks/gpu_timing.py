"""Seconds and bytes, measured so that they mean something on a device that works behind the host's back."""

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(call: Callable[[], Any], device: torch.device, repeats: int = 10, warm: int = 2) -> float:
    """The median of several calls, each waited for."""
    for _ in range(warm):
        call()
    laps = []
    for _ in range(repeats):
        synchronise(device)
        started = perf_counter()
        call()
        synchronise(device)
        laps.append(perf_counter() - started)
    return statistics.median(laps)


def peak_bytes_of(call: Callable[[], Any], device: torch.device) -> int:
    """The most device memory in use during a call, beyond what was in use before."""
    if device.type != "cuda":
        call()
        return 0
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    return torch.cuda.max_memory_allocated(device) - before


@contextmanager
def at_most(gib: float | None, device: torch.device) -> Iterator[None]:
    """Let this process have no more of the device's memory, as a smaller card would."""
    if gib is None or device.type != "cuda":
        yield
        return
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gib * 2**30 / total), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
