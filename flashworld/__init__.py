"""FlashWorld: one picture or one sentence, plus a camera path, becomes a 3D Gaussian world.

>>> from flashworld import generate, load_model, parse_request
>>> request = parse_request(open("examples/requests/living-room.json").read())
>>> scene = generate(request, load_model("tiny"))
>>> scene.save("room.ply")

Importing this package loads no torch; a name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flashworld.cameras import Cameras
    from flashworld.cameras.templates import make_path
    from flashworld.errors import FlashWorldError
    from flashworld.formats.scenes import load as load_gaussians
    from flashworld.formats.scenes import save as save_gaussians
    from flashworld.gaussians import Gaussians
    from flashworld.generation import Scene, generate, stream
    from flashworld.rendering import render
    from flashworld.request import SceneRequest, parse_request
    from flashworld.weights import load as load_model

__all__ = [
    "Cameras",
    "FlashWorldError",
    "Gaussians",
    "Scene",
    "SceneRequest",
    "generate",
    "load_gaussians",
    "load_model",
    "make_path",
    "parse_request",
    "render",
    "save_gaussians",
    "stream",
]

_HOMES = {
    "Cameras": "flashworld.cameras:Cameras",
    "FlashWorldError": "flashworld.errors:FlashWorldError",
    "Gaussians": "flashworld.gaussians:Gaussians",
    "Scene": "flashworld.generation:Scene",
    "SceneRequest": "flashworld.request:SceneRequest",
    "generate": "flashworld.generation.stream:generate",
    "load_gaussians": "flashworld.formats.scenes:load",
    "load_model": "flashworld.weights:load",
    "make_path": "flashworld.cameras.templates:make_path",
    "parse_request": "flashworld.request:parse_request",
    "render": "flashworld.rendering:render",
    "save_gaussians": "flashworld.formats.scenes:save",
    "stream": "flashworld.generation.stream:stream",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'flashworld' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
