"""How a movement is spread over its time: functions from 0..1 to 0..1 that begin at 0 and end at 1."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

Easing = Callable[[Float[Tensor, " n"]], Float[Tensor, " n"]]


def linear(time: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Steady from the first moment to the last."""
    return time


def ease_in(time: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Starts from rest."""
    return time**2


def ease_out(time: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Comes to rest."""
    return 1 - (1 - time) ** 2


def ease_in_out(time: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Starts from rest and comes to rest, with steady acceleration at both ends (smoothstep)."""
    return time**2 * (3 - 2 * time)


def smooth(time: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """As `ease_in_out`, the acceleration too beginning and ending at zero (smootherstep)."""
    return time**3 * (10 - 15 * time + 6 * time**2)


EASINGS: dict[str, Easing] = {
    "linear": linear,
    "ease-in": ease_in,
    "ease-out": ease_out,
    "ease-in-out": ease_in_out,
    "smooth": smooth,
}
"""Name to easing, as written in commands and files."""
