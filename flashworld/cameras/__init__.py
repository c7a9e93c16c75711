"""Cameras of a path: poses, intrinsics, interpolation, normalisation, rays, ready movements and files."""

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.normalisation import in_model_world, in_user_world, normalise, reach
from flashworld.cameras.path import cropped, resample
from flashworld.cameras.rays import cast_rays, ray_map
from flashworld.cameras.views import from_fit, from_views, to_path

__all__ = [
    "Cameras",
    "cast_rays",
    "cropped",
    "from_fit",
    "from_views",
    "in_model_world",
    "in_user_world",
    "normalise",
    "ray_map",
    "reach",
    "resample",
    "to_path",
]
