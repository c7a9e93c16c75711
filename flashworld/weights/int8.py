"""Matrices as eight-bit integers with a scale for each row: how files store them. Networks compute with floats.

Names follow compressed-tensors: beside `X.weight`, int8, lies `X.weight_scale`, float32 and [rows, 1]; their product is
the matrix. The floats of eight bits in which GPUs multiply are another thing (`flashworld.weights.quantised`).
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from flashworld.errors import WeightsError
from flashworld.weights.files import Selection

LARGEST = 127
"""-128 is not used, so that a matrix and its negative are stored alike."""


def to_int8(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest integers, -127 to 127 and int8, and their scale for each row, float32 and [rows, 1].

    A value is off by half a scale at most. What was stored and read comes out as the same bits again, which needs
    scales of few digits: eight, as bfloat16 has, leave their products with integers exact in float32. Rounding moves a
    scale by 1/512 at most, so the largest value of a row still is 127 of them.
    """
    values = matrix.float()
    scale = (values.abs().amax(dim=1, keepdim=True) / LARGEST).bfloat16().float()
    # Rows of zeros, and of numbers too small for a scale that is exact.
    scale = torch.where(scale < torch.finfo(torch.float32).tiny, 1.0, scale)
    return (values / scale).round().to(torch.int8), scale


class FromInt8(Mapping[str, Tensor]):
    """The tensors of a file, those stored as int8 multiplied with their scales, in float32, when asked for.

    Scales are not among the names.
    """

    def __init__(self, tensors: Mapping[str, Tensor], where: str):
        """`where` is the file, for messages.

        Raises:
            WeightsError: A matrix lacks its scales.
        """
        matrices = [name for name, value in tensors.items() if value.dtype == torch.int8]
        self._scales = {name: _scale(tensors, name, where) for name in matrices}
        scales = {f"{name}_scale" for name in matrices}
        self._tensors = Selection(tensors, {name: name for name in tensors if name not in scales})

    def __getitem__(self, name: str) -> Tensor:
        value = self._tensors[name]
        return value if name not in self._scales else value.float() * self._scales[name]

    def shape(self, name: str) -> torch.Size:
        """The shape that a tensor will have, without making it."""
        return self._tensors[name].shape

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _scale(tensors: Mapping[str, Tensor], name: str, where: str) -> Tensor:
    scale, wanted = tensors.get(f"{name}_scale"), (*tensors[name].shape[:-1], 1)
    if scale is None or scale.shape != wanted:
        fault = "is missing" if scale is None else f"is {list(scale.shape)}, not {list(wanted)}"
        raise WeightsError(f"{where}: {name} is stored as int8, and {name}_scale {fault}: download or copy it again.")
    return scale
