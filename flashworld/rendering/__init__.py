"""Rasterisers behind one function. See `flashworld.rendering.rasterise`."""

from flashworld.rendering.rasterise import Rendering, render

__all__ = ["Rendering", "render"]
