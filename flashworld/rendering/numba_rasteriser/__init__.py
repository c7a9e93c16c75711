"""The rasteriser for the CPU, in numba, forward and backward. `docs/rasteriser.md` explains its passes."""

from flashworld.rendering.numba_rasteriser.autograd import device, missing, render

__all__ = ["device", "missing", "render"]
