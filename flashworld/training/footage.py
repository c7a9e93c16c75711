"""Real scenes to learn from: a folder for each, with its pictures and their cameras, and perhaps a sentence.

As RealEstate10K, DL3DV and most captures are laid out once their cameras are known:

    FOLDER/any name/transforms.json              nerfstudio's, whose file_path leads to the pictures
    FOLDER/any name/sparse/0/cameras.txt ...     or COLMAP's text model, in the folder itself, sparse or sparse/0,
    FOLDER/any name/images/...                   with the pictures here
    FOLDER/any name/caption.txt                  if there is a sentence

Nobody has measured distances there. They are 0 everywhere, which means unknown: losses that need them leave them out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from flashworld.cameras import Cameras, cropped, normalise
from flashworld.cameras.files import read_pictured
from flashworld.cameras.normalisation import in_model_world
from flashworld.errors import FormatError, RequestError
from flashworld.request.fitting import centred_box, sample
from flashworld.request.picture import decode_picture
from flashworld.training.data import SeenWorld, Sight
from flashworld.training.worlds.seeds import Draw

LONGEST_STEP = 12
"""Pictures of a capture between two views of a sample, at most: 0.4 seconds of a usual video."""
HELD_OUT_EVERY = 20
"""One scene of so many is kept from training, the first of all among them."""


@dataclass(frozen=True)
class Footage:
    """Scenes of real pictures, seen as `Sight` sees worlds: a number decides the scene and the stretch of it."""

    scenes: tuple[Path, ...]
    sight: Sight

    def __call__(self, number: int) -> SeenWorld:
        """A stretch of a scene. Its first view is the picture; those beside the path are others of the stretch.

        Raises:
            FormatError: The scene's files are not what they should be, or it has too few pictures.
        """
        return self._seen(self.scenes[number % len(self.scenes)], Draw(number, "footage"))

    def _seen(self, folder: Path, draw: Draw) -> SeenWorld:
        cameras, sizes, paths = read_pictured(folder)
        sight = self.sight
        needed = sight.num_views + sight.num_extra
        if len(paths) < needed:
            raise FormatError(f"{folder.name} has {len(paths)} pictures; {needed} are needed for one sample")
        views = stretch(draw, len(paths), sight.num_views, sight.num_extra)
        target = sight.height, sight.width
        chosen = cropped(Cameras.from_vectors(cameras.vectors()[views]), sizes[views], target)
        world_from_model = normalise(chosen[: sight.num_views])[1]
        caption = folder / "caption.txt"
        return SeenWorld(
            rgb=torch.stack([_read_picture(paths[view], target) for view in views]),
            distance=torch.zeros(needed, *target, dtype=torch.float16),
            cameras=in_model_world(chosen, world_from_model),
            caption=caption.read_text(encoding="utf-8").strip() if caption.exists() else "",
        )


def footage(folder: Path, sight: Sight) -> tuple[Footage, Footage]:
    """The scenes of a folder: those to learn from, and those that are held out.

    Raises:
        FormatError: Fewer than two scenes are there.
    """
    scenes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if len(scenes) < 2:
        raise FormatError(
            f"{folder.name} has {len(scenes)} scenes, a folder each; two are needed, one of them to score by"
        )
    held_out = scenes[::HELD_OUT_EVERY]
    learned = [scene for index, scene in enumerate(scenes) if index % HELD_OUT_EVERY]
    return Footage(tuple(learned), sight), Footage(tuple(held_out), sight)


def stretch(draw: Draw, num_pictures: int, num_views: int, num_extra: int) -> list[int]:
    """Numbers of pictures: those of a path, evenly spaced over a stretch of the capture, then others within it."""
    needed = num_views + num_extra
    length = draw.whole(needed, max(needed, min(num_pictures, LONGEST_STEP * needed)))
    first = draw.whole(0, num_pictures - length)
    path = [first + round(step * (length - 1) / max(1, num_views - 1)) for step in range(num_views)]
    left = [view for view in range(first, first + length) if view not in path]
    return path + [left.pop(draw.whole(0, len(left) - 1)) for _ in range(num_extra)]


def _read_picture(path: Path, target: tuple[int, int]) -> torch.Tensor:
    """A picture cut to the target's aspect around its centre and resized, bytes [3, height, width]."""
    try:
        picture = decode_picture(path.read_bytes())
    except OSError as error:
        raise FormatError(f"{path.parent.parent.name}: {path.name} cannot be read: {error.strerror}") from None
    except RequestError as error:
        raise FormatError(f"{path.parent.parent.name}: {path.name}: {error}") from None
    values = sample(picture, centred_box((picture.height, picture.width), target), target)
    return torch.from_numpy(np.round((values + 1) * 127.5).clip(0, 255).astype(np.uint8))
