"""Seconds of stages, on a device that works behind the back of the host."""

from time import perf_counter
from typing import Any

import torch


class StageClock:
    """Laps between stages. On CUDA they are the device's own times, marked without making the host wait."""

    def __init__(self, device: torch.device):
        self._device = device if device.type == "cuda" else None
        self._laps: list[tuple[str, Any]] = [("", self._now())]

    def lap(self, stage: str) -> None:
        """A stage ends here."""
        self._laps.append((stage, self._now()))

    def seconds(self) -> dict[str, float]:
        """Seconds by stage. On CUDA this waits for the last one to end."""
        if self._device is not None:
            self._laps[-1][1].synchronize()
        pairs = zip(self._laps, self._laps[1:], strict=False)
        return {stage: self._between(before, after) for (_, before), (stage, after) in pairs}

    def _now(self) -> Any:
        if self._device is None:
            return perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _between(self, before: Any, after: Any) -> float:
        return after - before if self._device is None else before.elapsed_time(after) / 1e3
