"""`Order`: what a visitor asks for, checked before a queue, a disk or a GPU hears of it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flashworld.apps.gradio.budget import MOST_FRAMES, MOST_PIXELS, Workload, check_fits
from flashworld.cameras import cropped, from_views, to_path
from flashworld.errors import RequestError
from flashworld.models.model import Model
from flashworld.placement import CPU_PLAN, Plan
from flashworld.planner import Size
from flashworld.request import SceneRequest, parse_path, parse_request
from flashworld.request.parsing import read_json

PICTURES_PER_STEP = 5
"""Of the video, from one view of the path to the next: a path of 24 views makes 116 pictures."""

MOST_PATH_CHARACTERS = 2_000_000

RESOLUTION = re.compile(
    r"(?P<open>\[)?\s*(?P<frames>[0-9]{1,5})\s*(?P<mark>[x×,])\s*(?P<height>[0-9]{1,5})"
    r"\s*(?P=mark)\s*(?P<width>[0-9]{1,5})\s*(?(open)\])"
)
"""Three numbers with the same mark between them, in brackets or not."""


@dataclass(frozen=True)
class Maker:
    """Who makes the scenes: the model, where its networks rest, and whether a GPU call is limited in time."""

    model: Model
    plan: Plan = CPU_PLAN
    hosted: bool = False


@dataclass(frozen=True)
class Order:
    """A request that this Space takes, whether its flight is filmed, and what it costs. It crosses process borders."""

    request: SceneRequest
    video: bool
    workload: Workload


def take_order(
    maker: Maker,
    image_prompt: Any,
    text_prompt: Any,
    camera_json: Any,
    resolution: Any,
    *,
    seed: Any = None,
    image_index: Any = None,
    video: bool = True,
) -> Order:
    """Check everything that a visitor gives.

    Args:
        maker: who would make it.
        image_prompt: a data URL or base64, the bytes of a picture, or none.
        text_prompt: a sentence, or none.
        camera_json: a path (text or object) `{"cameras": [...]}`; a request serves too, and its `seed` and
            `image_index` count unless they are given here.
        resolution: `24x480x704` or `[24, 480, 704]`: frames, height, width.
        seed: a whole number, or none to draw one.
        image_index: the frame that the picture shows.
        video: whether the flight along the path is filmed.

    Raises:
        RequestError: a sentence for each fault.
    """
    fields = _read_path(camera_json)
    request = parse_request(
        {
            "image_prompt": image_prompt,
            "text_prompt": text_prompt,
            "cameras": fields["cameras"],
            "resolution": read_resolution(resolution),
            "seed": fields.get("seed") if seed is None else seed,
            "image_index": fields.get("image_index") if image_index is None else image_index,
        }
    )
    return order_for(maker, _in_its_pixels(request, fields), video=video)


def order_for(maker: Maker, request: SceneRequest, *, video: bool) -> Order:
    """The order for a request that is in good form.

    Raises:
        RequestError: It is larger than this Space makes, or than one GPU call can hold, or its path is too far away.
    """
    _check_size(request)
    from_views(request.cameras, request.height, request.width)  # refuses a path that is too far from the origin
    workload = workload_of(maker, request.resolution, video=video)
    if maker.hosted:
        check_fits(workload)
    return Order(request, video, workload)


def workload_of(maker: Maker, resolution: tuple[int, int, int], *, video: bool) -> Workload:
    """What a scene of frames, height and width costs."""
    frames, height, width = resolution
    return Workload(
        config=maker.model.config,
        plan=maker.plan,
        size=Size(frames, height, width),
        video_pictures=(frames - 1) * PICTURES_PER_STEP + 1 if video else 0,
    )


def read_resolution(given: Any) -> list[int]:
    """Frames, height and width in `24x480x704`, `24, 480, 704`, `[24, 480, 704]` or a list.

    Raises:
        RequestError: Something else.
    """
    if isinstance(given, str):
        match = RESOLUTION.fullmatch(given.strip())
        numbers = [int(number) for number in match.group("frames", "height", "width")] if match else None
    else:
        numbers = list(given) if isinstance(given, (list, tuple)) and len(given) == 3 else None
    if numbers is None:
        shown = repr(given)[:40]
        raise RequestError([f"resolution: {shown} was given; write frames x height x width, such as 24x480x704"])
    return numbers


def picture_of(path: str | None) -> bytes | None:
    """The bytes of a picture that Gradio has stored for a visitor.

    Raises:
        RequestError: The file is gone.
    """
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError:
        raise RequestError(["image_prompt: the picture is not here any more; choose it again"]) from None


def _read_path(given: Any) -> dict[str, Any]:
    """The object in a path's JSON."""
    if isinstance(given, str):
        if not given.strip():
            raise RequestError(["camera_json: there is no camera path; choose a movement or paste a path"])
        if len(given) > MOST_PATH_CHARACTERS:
            raise RequestError(
                [f"camera_json: {len(given) / 1e6:.0f} MB are more than any path needs; 2 MB are allowed"]
            )
        try:
            given = read_json(given)
        except RequestError as error:
            raise RequestError([f"camera_json: {error.faults[0].replace('the request', 'the text')}"]) from None
    if isinstance(given, list):
        given = {"cameras": given}
    if not isinstance(given, dict) or "cameras" not in given:
        raise RequestError(['camera_json: a path is written as {"cameras": [{"quaternion": [w, x, y, z], ...}]}'])
    return given


def _in_its_pixels(request: SceneRequest, fields: dict[str, Any]) -> SceneRequest:
    """The request; cameras of a path that says its picture's size are cut to the resolution's aspect, in its pixels."""
    if not {"height", "width"} <= set(fields):
        return request
    path = parse_path(fields)
    if path.height is None or path.width is None:
        return request
    size = torch.tensor([[float(path.height), float(path.width)]]).expand(len(path.cameras), 2)
    target = request.height, request.width
    cameras = cropped(from_views(path.cameras, path.height, path.width), size, target)
    return request.model_copy(update={"cameras": to_path(cameras, *target).cameras})


def _check_size(request: SceneRequest) -> None:
    faults = []
    if request.frames > MOST_FRAMES:
        faults.append(
            f"resolution: {request.frames} frames were asked for; this Space makes up to {MOST_FRAMES}, "
            "and a longer path is sampled to them"
        )
    if request.height * request.width > MOST_PIXELS:
        faults.append(
            f"resolution: pictures of {request.height}x{request.width} were asked for; "
            "this Space makes up to 480x704 or 704x480"
        )
    if faults:
        raise RequestError(faults)
