"""The request for a scene: schema, picture and the fit of both to a resolution. Imports no torch."""

from flashworld.request.fitting import Fit, fit, sample, stated_size
from flashworld.request.parsing import parse_path, parse_request
from flashworld.request.picture import decode_picture
from flashworld.request.schema import CameraPath, CameraView, SceneRequest

__all__ = [
    "CameraPath",
    "CameraView",
    "Fit",
    "SceneRequest",
    "decode_picture",
    "fit",
    "parse_path",
    "parse_request",
    "sample",
    "stated_size",
]
