"""Single pictures of a finished scene: what one of its request's cameras sees."""

import io
import logging
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from flashworld import formats
from flashworld.cameras import Cameras
from flashworld.errors import FormatError
from flashworld.generation import path_of
from flashworld.jobs.job import NoJobError
from flashworld.jobs.turns import Turns
from flashworld.rendering import FAR, NEAR, render
from flashworld.request import SceneRequest

log = logging.getLogger(__name__)

MAX_SIDE = 1280
"""Of a picture. That of a narrow path, drawn wide, could have a hundred megapixels."""

_TURNS = Turns(at_once=1, waiting=4, seconds=10.0)
"""Request and scene are read, and drawn, in a thread that answers; several would starve all other answers."""


def see(scene: Path, read: Callable[[], SceneRequest], frame: int, width: int | None) -> bytes:
    """A PNG of the scene in a PLY file from the camera of a frame of the request, which is read when it is our turn.

    It is `width` pixels wide (the request's if None), or as wide as `MAX_SIDE` allows its longer side to be.

    Raises:
        NoJobError: The file is damaged.
        BusyError: Too many want to see something at once.
    """
    with _TURNS.turn():
        request = read()
        width = min(width or request.width, MAX_SIDE * request.width // max(request.width, request.height))
        height = max(1, round(request.height * width / request.width))
        return _drawn(scene, path_of(request)[frame : frame + 1], height, width)


def _drawn(scene: Path, camera: Cameras, height: int, width: int) -> bytes:
    try:
        unit = float(formats.provenance_of(scene)["unit"])
        gaussians = formats.load(scene)
    except (FormatError, KeyError, ValueError):  # its text names the place, which is nobody's business
        log.exception("A scene could not be read.")
        raise NoJobError("The scene's file is damaged, or gone by now.") from None
    view = render(gaussians, camera, height, width, near=NEAR * unit, far=FAR * unit)
    picture = io.BytesIO()
    Image.fromarray(formats.to_uint8(view.colour[0])).save(picture, format="PNG")
    return picture.getvalue()
