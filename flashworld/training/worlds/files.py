"""Worlds as files: a request, pictures, distances, facts, and a nerfstudio folder; and contact sheets of many."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from einops import rearrange
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from flashworld.cameras import to_path
from flashworld.cameras.files import write_path
from flashworld.formats import to_uint8
from flashworld.publish import make_folder, published
from flashworld.request import SceneRequest, parse_request
from flashworld.training.worlds.world import World, WorldViews


def request_of(world: World, views: WorldViews) -> SceneRequest:
    """The request that a client would send to get this world: its first view, its caption and its path.

    Raises:
        RequestError: the views' size is none that a request may have.
    """
    height, width = views.distance.shape[-2:]
    path = world.cameras[: world.num_views]
    first = io.BytesIO()
    Image.fromarray(to_uint8(views.rgb[0])).save(first, format="PNG")
    return parse_request(
        {
            "image_prompt": "data:image/png;base64," + base64.b64encode(first.getvalue()).decode(),
            "text_prompt": world.caption,
            "cameras": [view.model_dump() for view in to_path(path, height, width).cameras],
            "resolution": [world.num_views, height, width],
            "image_index": 0,
            "seed": world.seed,
        }
    )


def write_world(world: World, views: WorldViews, folder: Path) -> None:
    """Write a world into a folder, which is made if needed.

    `request.json` is what `flashworld generate` takes. `transforms.json` and `images/` are a nerfstudio folder of all
    views, those beside the path last; with `caption.txt` they are a scene for `flashworld train --data`. `distance.npz`
    holds `distance` [views, height, width] along the rays, in units of the world; `world.json` caption, facts, movement
    and the length of a unit.

    Raises:
        RequestError: the views' size is none that a request may have.
        FormatError: the folder cannot be made or written.
    """
    height, width = views.distance.shape[-2:]
    request = request_of(world, views)
    make_folder(folder / "images")
    for index, picture in enumerate(to_uint8(views.rgb)):
        with published(folder / f"images/frame_{index + 1:05d}.png") as beside:
            Image.fromarray(picture).save(beside, format="PNG")
    write_path(world.cameras, folder / "transforms.json", height, width)
    with published(folder / "distance.npz") as beside, beside.open("wb") as file:
        np.savez_compressed(file, distance=views.distance.cpu().numpy())
    facts = {
        "seed": world.seed,
        "caption": world.caption,
        "movement": world.template,
        "metres_per_unit": world.metres,
        "num_views": world.num_views,
        "facts": asdict(world.facts),
    }
    texts = {
        "caption.txt": world.caption,
        "request.json": request.to_json(indent=1),
        "world.json": json.dumps(facts, indent=1),
    }
    for name, text in texts.items():
        with published(folder / name) as beside:
            beside.write_text(text + "\n", encoding="utf-8")


def contact_sheet(views: Sequence[WorldViews], columns: int = 4) -> UInt8[np.ndarray, "rows columns 3"]:
    """A picture of many worlds, `columns` side by side: of each all views, and how near the first shows things."""
    cells = [np.concatenate([*to_uint8(world.rgb), _nearness(world.distance[0])], axis=1) for world in views]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    return rearrange(np.stack(cells), "(r c) h w k -> (r h) (c w) k", c=columns)


def _nearness(distance: Float[Tensor, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    near = (1.0 / distance.clamp(min=1.0)).cpu().numpy()
    return np.repeat((255 * near[..., None]).astype(np.uint8), 3, axis=2)
