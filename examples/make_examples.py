"""Makes everything in this folder: pictures, camera paths and complete requests.

    python examples/make_examples.py             # paths and requests, from the pictures that are here
    python examples/make_examples.py --pictures  # the pictures too; twenty minutes of one core

The same numbers come out every time. The pictures are our own work: `scenes.py` describes the places, `raymarch.py`
looks at them.
"""

import argparse
import base64
import json
from pathlib import Path

from PIL import Image
from raymarch import render
from scenes import SCENES

from flashworld.cameras import to_path
from flashworld.cameras.files import write_path
from flashworld.cameras.templates import make_path

HERE = Path(__file__).parent
HEIGHT, WIDTH, FRAMES = 480, 704, 24
FOCAL = 0.62
"""Focal length of the pictures over their width: a horizontal field of view of 77.8 degrees."""

FOV = 77.7677
PATHS = {
    "forward": ("forward", 1.0, "linear"),
    "orbit-left": ("orbit-left", 40.0, "ease-in-out"),
    "crane-up": ("crane-up", 0.8, "ease-in-out"),
    "pan-right": ("pan-right", 60.0, "linear"),
    "spiral": ("spiral", 1.5, "smooth"),
    "dolly-zoom": ("dolly-zoom", 1.5, "ease-in-out"),
    "figure-eight": ("figure-eight", 0.4, "linear"),
    "look-around": ("look-around", 35.0, "linear"),
}
"""File to template, amount and easing."""

REQUESTS = {
    "living-room": (
        "living-room",
        "spiral",
        "A living room with a blue sofa, a round table and a bookshelf, evening sun.",
    ),
    "valley": ("valley", "forward", "A white house with a red roof in a green valley, trees and a path."),
    "lighthouse": (
        "lighthouse",
        "orbit-left",
        "A red and white lighthouse on a rocky island at sunset, a sailing boat.",
    ),
    "garden-from-text": (
        None,
        "crane-up",
        "A quiet Japanese garden with a pond, stone lanterns and maple trees in autumn.",
    ),
}
"""File to picture, path and sentence."""


def make_pictures() -> None:
    """Look at every scene."""
    for name, make_scene in SCENES.items():
        pixels = render(make_scene, HEIGHT, WIDTH, FOCAL)
        Image.fromarray(pixels).save(HERE / "pictures" / f"{name}.jpg", quality=88, optimize=True)


def make_paths() -> None:
    """The gallery of paths, and the five cameras of the first tutorial."""
    for name, (template, amount, easing) in PATHS.items():
        write_path(
            make_path(template, amount, FRAMES, FOV, HEIGHT, WIDTH, easing),
            HERE / "paths" / f"{name}.json",
            HEIGHT,
            WIDTH,
        )
    simple = make_path("forward", 1.0, 5, 90.0, HEIGHT, WIDTH)
    write_path(simple, HERE / "simple_trajectory.json", HEIGHT, WIDTH)


def make_requests() -> None:
    """Complete requests as a client sends them."""
    for index, (name, (picture, path, text)) in enumerate(REQUESTS.items()):
        template, amount, easing = PATHS[path]
        cameras = make_path(template, amount, FRAMES, FOV, HEIGHT, WIDTH, easing)
        request = {
            "text_prompt": text,
            "resolution": [FRAMES, HEIGHT, WIDTH],
            "image_index": 0,
            "seed": index,
            "cameras": [json.loads(view.to_json()) for view in to_path(cameras, HEIGHT, WIDTH).cameras],
        }
        if picture:
            data = (HERE / "pictures" / f"{picture}.jpg").read_bytes()
            request["image_prompt"] = "data:image/jpeg;base64," + base64.b64encode(data).decode()
        (HERE / "requests" / f"{name}.json").write_text(json.dumps(request) + "\n", encoding="utf-8")


def main() -> None:
    """Make what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", action="store_true", help="render the pictures as well")
    arguments = parser.parse_args()
    for folder in ("pictures", "paths", "requests"):
        (HERE / folder).mkdir(exist_ok=True)
    if arguments.pictures:
        make_pictures()
    make_paths()
    make_requests()


if __name__ == "__main__":
    main()
