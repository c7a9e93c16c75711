"""The door to ZeroGPU: the `spaces` package where it is installed, plain functions where it is not.

Import this before torch: on ZeroGPU `spaces` has to be there first.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

if find_spec("spaces") is not None:
    import spaces

    def on_gpu(duration: Callable[..., int]) -> Callable[[Function], Function]:
        """`spaces.GPU`: on ZeroGPU a call runs in a forked process that has a GPU for `duration(*arguments)` seconds."""
        return spaces.GPU(duration=duration)

    def is_hosted() -> bool:
        """Whether this program runs on ZeroGPU."""
        return spaces.config.Config.zero_gpu

else:

    def on_gpu(duration: Callable[..., int]) -> Callable[[Function], Function]:  # noqa: ARG001 - nobody counts here
        """A machine of one's own grants its GPU without a limit."""
        return lambda function: function

    def is_hosted() -> bool:
        """Whether this program runs on ZeroGPU."""
        return False
