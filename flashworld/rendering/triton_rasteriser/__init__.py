"""The rasteriser for GPUs, in Triton, forward and backward. `docs/rasteriser.md` explains its passes."""

from flashworld.rendering.triton_rasteriser.autograd import device, missing, render, render_batch

__all__ = ["device", "missing", "render", "render_batch"]
