"""Rasterisers behind one function. See `flashworld.rendering.rasterise`."""

from flashworld.rendering.rasterise import FAR, NEAR, Rendering, available, choose, render, render_batch

__all__ = ["FAR", "NEAR", "Rendering", "available", "choose", "render", "render_batch"]
