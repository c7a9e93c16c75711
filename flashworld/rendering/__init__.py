"""Rasterisers behind one function. See `flashworld.rendering.rasterise`."""

from flashworld.rendering.rasterise import Rendering, available, render

__all__ = ["Rendering", "available", "render"]
