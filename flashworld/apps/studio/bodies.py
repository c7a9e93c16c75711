"""What a request to the studio carries, read within bounds."""

from typing import Any

from flask import request

from flashworld.apps.studio.answers import refuse
from flashworld.jobs import Job, Workshop
from flashworld.jobs.turns import Turns
from flashworld.request import SceneRequest, parse_request
from flashworld.request.parsing import MAX_REQUEST_BYTES, read_json

READING = Turns(at_once=2, waiting=62, seconds=10.0)
"""Who reads a body or a picture. While it is checked, a picture can take hundreds of megabytes."""


SMALL_BODY = 1_000_000
"""Bytes of a body that holds no picture, such as a name or a wish."""


def json_object(most: int = MAX_REQUEST_BYTES) -> dict[str, Any]:
    """The JSON object in the body, of at most so many bytes, whatever its content type.

    Raises:
        RequestError: It is something else.
    """
    request.max_content_length = most
    with READING.turn():
        fields = read_json(request.get_data(cache=False))
    if not isinstance(fields, dict):
        raise refuse("the body must be a JSON object")
    return fields


def scene_request(fields: dict[str, Any]) -> SceneRequest:
    """The request for a scene among the fields of a body; raises like `parse_request`."""
    with READING.turn():
        return parse_request(fields)


def submit(workshop: Workshop, fields: dict[str, Any]) -> Job:
    """Put what a body asks for into the queue."""
    name, exact_size = fields.get("name"), fields.get("exact_size")
    if not isinstance(name, str | None):
        raise refuse("name: a text is needed")
    if not isinstance(exact_size, bool | None):
        raise refuse("exact_size: true or false is needed")
    scene = scene_request(fields)
    return workshop.submit(scene, name=name or "", exact_size=bool(exact_size), client=request.remote_addr or "")


def text_field(fields: dict[str, Any], name: str) -> str:
    """A text that a body must hold."""
    if not isinstance(fields.get(name), str):
        raise refuse(f"{name}: a text is needed")
    return fields[name]


def whole_number(name: str, default: int | None, least: int, most: int) -> int | None:
    """A number in the address's query.

    Raises:
        RequestError: It is none, or out of range.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise refuse(f"{name}: {text[:40]!r} was given; a whole number from {least} to {most} is needed")
    return int(text)
