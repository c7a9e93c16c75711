"""The door to ZeroGPU: the `spaces` package where it is installed, plain functions where it is not.

Import this before torch: on ZeroGPU `spaces` has to be there first.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

HAS_SPACES = find_spec("spaces") is not None

if HAS_SPACES:
    import spaces
    from spaces.config import Config


def on_gpu(duration: Callable[..., int]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorator for what needs a GPU.

    On ZeroGPU a call runs in a fork of this process that has a GPU for `duration(*arguments)` seconds. A machine of
    one's own grants its GPU without a limit, and the function stays as it is.
    """
    return spaces.GPU(duration=duration) if HAS_SPACES else lambda function: function


def is_hosted() -> bool:
    """Whether this program runs on ZeroGPU."""
    return HAS_SPACES and Config.zero_gpu
