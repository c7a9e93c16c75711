"""Rasterisers behind one function. See `flashworld.rendering.rasterise`."""

from flashworld.rendering.rasterise import Rendering, available, choose, render

__all__ = ["Rendering", "available", "choose", "render"]
