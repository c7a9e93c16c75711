"""What was predicted for a scene's memory, beside what it took."""

import torch

from flashworld.generation.record import Memory
from flashworld.models.model import Model
from flashworld.placement import find_card
from flashworld.planner import Size, predict


class MemoryMeter:
    """Counts from its making. Only CUDA tells how much was in use."""

    def __init__(self, model: Model, work: tuple[int, int, int], fell_back_from: str | None = None):
        self._device = model.device
        self._plan = model.residence.plan
        self._fell_back_from = fell_back_from
        if (card := find_card(self._device)) is None:
            self._prediction = None
        else:
            self._prediction = predict(self._plan, card, model.config, Size(*work), model.dtype)
            torch.cuda.reset_peak_memory_stats(self._device)

    def read(self) -> Memory | None:
        """Prediction and largest use so far; None where there is no CUDA."""
        if self._prediction is None:
            return None
        return Memory(
            plan=self._plan.name,
            predicted_bytes=self._prediction.peak,
            predicted_seconds=self._prediction.seconds,
            peak_bytes=torch.cuda.max_memory_allocated(self._device),
            fell_back_from=self._fell_back_from,
        )
