"""The few operations of which all formulas of the worlds are made, for numbers in numba and for tensors in torch.

A formula is written once, as a plain Python function of x, y, z components under `@formula`. Called from a numba kernel
it is compiled for single numbers, on a processor or a GPU, so the two ray casters cannot drift apart; called with
tensors, as tests do, it is torch code. A formula has no branches and no loops over data: it selects with `where`, and
may leave out what is not `needed`.
"""

import math
from typing import Any

import numpy as np
import torch
from numba.extending import overload, register_jitable

formula = register_jitable
"""Marks a function that both casters use."""


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, else `no`."""
    return torch.where(condition, yes, no)


def floor(x: Any) -> Any:
    """The largest whole number not above x, as a float."""
    return torch.floor(x)


def whole(x: Any) -> Any:
    """A float that holds a whole number, as an integer of 64 bits."""
    return x.long()


def sqrt(x: Any) -> Any:
    """Square root."""
    return torch.sqrt(x)


def exp(x: Any) -> Any:
    """Exponential."""
    return torch.exp(x)


def sine(x: Any) -> Any:
    """Sine of radians."""
    return torch.sin(x)


def arctan2(y: Any, x: Any) -> Any:
    """Angle of (x, y) in radians, -pi to pi."""
    return torch.atan2(y, x)


def needed(condition: Any) -> bool:  # noqa: ARG001 - a tensor's answer is not waited for
    """Whether to compute what counts only where the condition holds: for a number, if it does; for tensors, always."""
    return True


@overload(where)
def _where(condition, yes, no):  # noqa: ARG001
    return lambda condition, yes, no: yes if condition else no


@overload(floor)
def _floor(x):  # noqa: ARG001
    return lambda x: float(math.floor(x))


@overload(whole)
def _whole(x):  # noqa: ARG001
    return lambda x: np.int64(x)


@overload(sqrt)
def _sqrt(x):  # noqa: ARG001
    return lambda x: math.sqrt(x)


@overload(exp)
def _exp(x):  # noqa: ARG001
    return lambda x: math.exp(x)


@overload(sine)
def _sine(x):  # noqa: ARG001
    return lambda x: math.sin(x)


@overload(arctan2)
def _arctan2(y, x):  # noqa: ARG001
    return lambda y, x: math.atan2(y, x)


@overload(needed)
def _needed(condition):  # noqa: ARG001
    return lambda condition: condition


@formula
def smaller(a, b):
    """The smaller of two."""
    return where(a < b, a, b)


@formula
def larger(a, b):
    """The larger of two."""
    return where(a > b, a, b)


@formula
def clamp(x, low, high):
    """X kept between two bounds."""
    return smaller(larger(x, low), high)


@formula
def magnitude(x):
    """The absolute value."""
    return where(x < 0.0, -x, x)


@formula
def blend(a, b, share):
    """From a to b by a share of 0 to 1."""
    return a + (b - a) * share


@formula
def fraction(x):
    """What is left above the floor, 0 to 1."""
    return x - floor(x)
