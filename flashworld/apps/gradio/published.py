"""The interface that the published release's page and clients speak: three names, one JSON text in, one JSON text out.

Errors come as `{"error": ...}` in a successful answer, as its clients expect. Unlike there, names of files are never
paths, a picture is never read from this machine, and the SPZ is right side up.
"""

import json
from typing import Any

import gradio as gr
from gradio.events import api

from flashworld.apps.gradio.order import order_for
from flashworld.apps.gradio.serving import Finished, Service, serve
from flashworld.apps.gradio.troubles import sentence_for
from flashworld.apps.gradio.visits import Gone, until, visitor_of, while_awaited
from flashworld.errors import RequestError
from flashworld.request import SceneRequest, parse_request
from flashworld.request.parsing import read_json


def offer(service: Service, **queue: Any) -> None:
    """Add the three endpoints to the page that is being built."""

    async def gradio_generate(request_json: str, request: gr.Request) -> str:  # noqa: D417 - `request` comes from Gradio
        """Make a scene from a request of the published release, and return where its SPZ is.

        Args:
            request_json: the request object as JSON: image_prompt, text_prompt, cameras, resolution, image_index, seed.
        """
        return json.dumps(await while_awaited(lambda gone: _scene(service, request, gone, request_json)), indent=2)

    def download_file(file_id: str) -> gr.FileData | None:
        """The SPZ file of a scene, or nothing if there is none of that id.

        Args:
            file_id: as `gradio_generate` returned it.
        """
        place = service.shelf.find(file_id)
        if place is None:
            return None
        path = place.path / "flashworld.spz"
        return gr.FileData(path=str(path), orig_name=f"{place.id}.spz", size=path.stat().st_size)

    def gradio_delete(file_id: str):
        """Delete the files of a scene; no answer, as published.

        Args:
            file_id: as `gradio_generate` returned it.
        """
        service.shelf.remove(file_id)

    api(gradio_generate, api_name="gradio_generate", **queue)
    api(download_file, api_name="download_file", queue=False)
    api(gradio_delete, api_name="gradio_delete", queue=False)


def _scene(service: Service, request: gr.Request, gone: Gone, request_json: Any) -> dict[str, Any]:
    try:
        order = order_for(service.maker, _read(request_json), video=False)
        *_, finished = until(gone, serve(service, order, visitor_of(request)))
    except Exception as error:
        return {"error": sentence_for(error)}
    assert isinstance(finished, Finished)
    return _answer(finished)


def _read(text: Any) -> SceneRequest:
    fields = read_json(text) if isinstance(text, (str, bytes)) else text
    if isinstance(fields, dict):
        prompts = (fields.get("image_prompt"), fields.get("text_prompt"))
        if not any(prompts):
            raise RequestError(["No Prompts provided"])
    return parse_request(fields)


def _answer(finished: Finished) -> dict[str, Any]:
    path = finished.place.path / "flashworld.spz"
    return {
        "success": True,
        "file_id": finished.place.id,
        "file_path": f"{finished.place.id}.spz",
        "file_size": path.stat().st_size,
        "download_url": f"/gradio_api/file={path}",
        "generation_time": round(sum(finished.scene.record.seconds.values()), 3),
    }
