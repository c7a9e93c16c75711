"""How the rasteriser's kernels are compiled: float32, outside Python's lock, kept on disk.

numba recompiles a cached kernel when *its own* file changes and looks no further. So a kernel may call only functions
and use only constants of the module it stands in; `tests/test_rendering_cache.py` holds the modules to that.
"""

from collections.abc import Callable
from typing import Any

import numba

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # LLVM may fuse and reorder sums, but not assume that there are no NaNs: culling compares with them.
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
}


def kernel(function: Callable) -> Any:
    """Compile at the first call, and keep the machine code beside the source or, failing that, in the user's cache."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither folder can be written: every process compiles for itself
        return numba.njit(**_OPTIONS)(function)


def inlined(function: Callable) -> Any:
    """Compile a part of the kernels that call it; it has no cache entry of its own."""
    return numba.njit(**_OPTIONS)(function)
