"""The documented interface: `/generate_scene` with the guide's four arguments, and the same with all options.

A scene that cannot be made is no PLY and a message that says why: Gradio 5 tells plain HTTP clients nothing of an error
but that there was one.
"""

from inspect import getdoc
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api

from flashworld.apps.gradio.order import picture_of, take_order
from flashworld.apps.gradio.serving import Finished, Ready, Service, serve, summary
from flashworld.apps.gradio.troubles import sentence_for
from flashworld.apps.gradio.visits import Gone, until, visitor_of, while_awaited
from flashworld.errors import RequestError

Picture = dict | str | None


def offer(service: Service, **queue: Any) -> None:
    """Add the endpoints to the page that is being built; `queue` says how they line up."""

    async def generate_scene(  # noqa: D417 - `request` comes from Gradio
        image_prompt: Picture,
        text_prompt: str,
        camera_json: str | dict,
        resolution: str | list,
        request: gr.Request,
    ) -> tuple[gr.FileData | None, str]:
        """Make a 3D scene: a PLY file, and a message of counts and times. If it cannot be made, no file and why.

        Args:
            image_prompt: the picture: an uploaded file (`handle_file(...)` of gradio_client), a data URL, base64, or
                null for none.
            text_prompt: a sentence that says what is to be seen; may be empty if there is a picture.
            camera_json: the camera path as JSON, {"cameras": [{"quaternion": [w, x, y, z], "position": [x, y, z],
                "fx": 352.0, "fy": 352.0, "cx": 352.0, "cy": 240.0}]}; `seed` and `image_index` may stand beside.
            resolution: frames x height x width, such as 24x480x704 or [24, 480, 704].
        """
        asked = (image_prompt, text_prompt, camera_json, resolution)
        files, message = await while_awaited(lambda gone: _scene(service, request, gone, *asked))
        return files.get("ply"), message

    async def generate_scene_with_options(  # noqa: D417
        image_prompt: Picture,
        text_prompt: str,
        camera_json: str | dict,
        resolution: str | list = "24x480x704",
        seed: int | None = None,
        image_index: int = 0,
        video: bool = False,
        request: gr.Request | None = None,
    ) -> tuple[gr.FileData | None, str, gr.FileData | None, gr.FileData | None, gr.FileData | None]:
        """Make a 3D scene: PLY, message, SPZ, video, replay record. If it cannot be made, no files and why.

        Args:
            image_prompt: as for /generate_scene.
            text_prompt: as for /generate_scene.
            camera_json: as for /generate_scene.
            resolution: as for /generate_scene.
            seed: the same number gives the same scene; null draws one.
            image_index: the frame that the picture shows, from 0.
            video: whether the flight along the path is filmed.
        """
        asked = (image_prompt, text_prompt, camera_json, resolution)
        options = {"seed": seed, "image_index": image_index, "video": video}
        files, message = await while_awaited(lambda gone: _scene(service, request, gone, *asked, **options))
        return files.get("ply"), message, files.get("spz"), files.get("mp4"), files.get("record")

    for function in (generate_scene, generate_scene_with_options):
        # Gradio's own choice would leave out what the arguments mean.
        api(function, api_name=function.__name__, api_description=getdoc(function), **queue)


def _scene(
    service: Service,
    request: gr.Request | None,
    gone: Gone,
    image_prompt: Any,
    *asked: Any,
    video: Any = False,
    **options: Any,
) -> tuple[dict[str, gr.FileData], str]:
    """The files of a scene by kind, and the message; only the message if there is none."""
    try:
        order = take_order(
            service.maker, _picture(image_prompt, service.shelf.root), *asked, video=bool(video), **options
        )
        files: dict[str, gr.FileData] = {}
        for news in until(gone, serve(service, order, visitor_of(request))):
            if isinstance(news, Ready):
                files[news.kind] = gr.FileData(path=str(news.path), orig_name=news.path.name)
            if isinstance(news, Finished):
                return files, summary(news)
    except Exception as error:
        return {}, sentence_for(error)
    raise AssertionError("serving ends with its result or with an error")


def _picture(given: Any, uploads: Path) -> Any:
    """A file that a visitor has sent in, or what was sent instead of one.

    Gradio only judges files that bear its mark, so the place is judged here: nothing outside of `uploads` is read.

    Raises:
        RequestError: The file is none that was sent in.
    """
    if not isinstance(given, dict):
        return given
    if str(given.get("url")).startswith("data:"):
        return given["url"]
    path = given.get("path")
    if path is None or _lies_in(path, uploads):
        return picture_of(path)
    raise RequestError(["image_prompt: this file was not sent in; upload it first, or give a data URL"])


def _lies_in(path: Any, folder: Path) -> bool:
    try:
        return Path(path).resolve().is_relative_to(folder.resolve())
    except (TypeError, ValueError):  # no name that a file can have
        return False
