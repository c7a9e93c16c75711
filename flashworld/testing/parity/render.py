"""Section 8 of the reference: Gaussians to pictures."""

from collections.abc import Iterator

import torch
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians
from flashworld.rendering import render
from flashworld.testing.parity.comparison import Comparison, largest

FILE = "render.safetensors"
BACKGROUNDS = {"rgb_white": (1.0, 1.0, 1.0), "rgb_black": (0.0, 0.0, 0.0)}


def compare_renderings(recorded: dict[str, Tensor], rasteriser: str) -> Iterator[Comparison]:
    """Colour on white and on black, and depth. One scene may be seen by several paths, or each path has its own."""
    paths = Cameras.from_vectors(recorded["cameras"])
    scenes = Gaussians.from_vectors(recorded["gaussians"].expand(len(paths), *recorded["gaussians"].shape[-2:]))
    height, width = recorded["hw"].tolist()
    for name, background in BACKGROUNDS.items():
        views = [
            render(scenes[i], paths[i], height, width, background=background, rasteriser=rasteriser)
            for i in range(len(paths))
        ]
        colour = (torch.stack([view.colour for view in views]) * 2 - 1).clamp(-1, 1)
        yield Comparison(FILE, name, largest(colour, recorded[name]), 1e-4)
    depth = torch.stack([view.depth for view in views])[:, :, None]
    yield Comparison(FILE, "depth", largest(depth, recorded["depth"]), 1e-3)
