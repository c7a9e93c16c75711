"""Cameras of a path: poses, intrinsics, interpolation, normalisation and rays."""

from flashworld.cameras.cameras import Cameras

__all__ = ["Cameras"]
