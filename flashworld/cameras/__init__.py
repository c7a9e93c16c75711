"""Cameras of a path: poses, intrinsics, interpolation, normalisation and rays."""

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.normalisation import in_model_world, in_user_world, normalise
from flashworld.cameras.path import resample
from flashworld.cameras.rays import cast_rays, ray_map

__all__ = ["Cameras", "cast_rays", "in_model_world", "in_user_world", "normalise", "ray_map", "resample"]
