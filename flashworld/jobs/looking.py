"""Single pictures of a finished scene: what one of its request's cameras sees."""

import io
import threading
from pathlib import Path

from PIL import Image

from flashworld import formats
from flashworld.generation import path_of
from flashworld.jobs.job import NoJobError
from flashworld.rendering import render
from flashworld.request import SceneRequest

_ONE_AT_A_TIME = threading.Lock()
"""A scene is read and drawn in a thread that answers; several would starve all other answers."""


def see(scene: Path, request: SceneRequest, frame: int, width: int | None) -> bytes:
    """A PNG of the scene in a PLY file from the camera of a frame, `width` pixels wide (the request's if None).

    Raises:
        NoJobError: The path has no such frame.
    """
    if not 0 <= frame < request.frames:
        raise NoJobError(f"There is no frame {frame}; they are counted from 0 to {request.frames - 1}.")
    width = width or request.width
    height = max(1, round(request.height * width / request.width))
    with _ONE_AT_A_TIME:
        unit = float(formats.provenance_of(scene)["unit"])
        camera = path_of(request)[frame : frame + 1]
        view = render(formats.load(scene), camera, height, width, near=0.01 * unit, far=1000 * unit)
    picture = io.BytesIO()
    Image.fromarray(formats.to_uint8(view.colour[0])).save(picture, format="PNG")
    return picture.getvalue()
