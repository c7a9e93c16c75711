"""Layers that rest in main memory and pass through the device, each arriving while the one before it works."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

NUM_SLOTS = 2
"""Places on the device: one for the layer at work, one for the layer that arrives."""


class LayerStream:
    """Layers of equal shapes that are called one after the other, and share two places on the device.

    Memory is bounded whatever the host queues ahead: a layer is copied into the place of the one before last, on a
    stream of its own that waits for that one's work. The host never waits. Nothing is copied back, since weights do
    not change. Register once; the hooks stay.

    Args:
        layers: In the order of their calls.
        device: Where they work.
        pinned: Hold the resting weights in page-locked memory, which is copied while the device works. It suits layers
            that are called often; page-locked memory is dear to the rest of the system.
    """

    def __init__(self, layers: Sequence[nn.Module], device: torch.device, *, pinned: bool):
        self.layers = layers
        self.device = device
        self._cuda = device.type == "cuda"
        self._copying = torch.cuda.Stream(device) if self._cuda else None
        pinned = pinned and self._cuda
        self._resting = [[_resting(p.data, pinned) for p in layer.parameters()] for layer in layers]
        shapes = {tuple(values.shape for values in resting) for resting in self._resting}
        assert len(shapes) == 1, "streamed layers must have equal shapes"
        self._slots: list[list[Tensor]] = []
        self._arrived: list[Any] = []
        self._done: list[Any] = []
        for index, layer in enumerate(layers):
            self._rest(index)
            layer.register_forward_pre_hook(self._before(index), with_kwargs=True)
            layer.register_forward_hook(self._after(index), always_call=True)

    @property
    def bytes_on_device(self) -> int:
        """What the stream holds there now."""
        return sum(values.numel() * values.element_size() for slot in self._slots for values in slot)

    def close(self) -> None:
        """Give the two places back; the next call takes new ones."""
        if self._copying is not None:  # a copy may be under way if a call was cancelled
            torch.cuda.current_stream(self.device).wait_stream(self._copying)
        self._slots = []

    def _open(self) -> None:
        like = self._resting[0]
        self._slots = [[torch.empty_like(values, device=self.device) for values in like] for _ in range(NUM_SLOTS)]
        self._arrived, self._done = ([self._event() for _ in self.layers] for _ in range(2))
        self._mark(self._done[0], None)  # the places were just allocated: copies begin after what used their memory
        self._send(0, after=self._done[0])

    def _before(self, index: int) -> Any:
        def come(layer: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
            if index == 0:
                self._open()
            if self._cuda:
                torch.cuda.current_stream(self.device).wait_event(self._arrived[index])
            for parameter, values in zip(layer.parameters(), self._slots[index % NUM_SLOTS], strict=True):
                parameter.data = values
            if index + 1 < len(self.layers):
                self._send(index + 1, after=self._done[max(index - 1, 0)])
            return tuple(self._here(v) for v in args), {key: self._here(v) for key, v in kwargs.items()}

        return come

    def _after(self, index: int) -> Any:
        def go(*_: Any) -> None:
            self._mark(self._done[index], None)
            self._rest(index)
            if index + 1 == len(self.layers):
                self.close()

        return go

    def _send(self, index: int, after: Any) -> None:
        """Queue the copy of a layer into its place, once the work marked by `after` is done with it."""
        if self._copying is not None:
            self._copying.wait_event(after)
        with torch.cuda.stream(self._copying):
            for place, values in zip(self._slots[index % NUM_SLOTS], self._resting[index], strict=True):
                place.copy_(values, non_blocking=True)
            self._mark(self._arrived[index], self._copying)

    def _rest(self, index: int) -> None:
        for parameter, values in zip(self.layers[index].parameters(), self._resting[index], strict=True):
            parameter.data = values

    def _event(self) -> Any:
        return torch.cuda.Event() if self._cuda else None

    def _mark(self, event: Any, stream: Any) -> None:
        if self._cuda:
            event.record(stream or torch.cuda.current_stream(self.device))

    def _here(self, value: Any) -> Any:
        return value.to(self.device) if isinstance(value, Tensor) else value


def _resting(values: Tensor, pinned: bool) -> Tensor:
    values = values.to("cpu")
    return values.pin_memory() if pinned else values
