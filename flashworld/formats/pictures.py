"""Rendered views as pictures: bytes, PNG frames, depth."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from flashworld.errors import FormatError
from flashworld.events import Progress, Report, ignore
from flashworld.publish import make_folder, published


def to_uint8(colour: Float[Tensor, "*batch 3 height width"]) -> UInt8[np.ndarray, "*batch height width 3"]:
    """Colours 0..1 as bytes, channels last; clamped, and 255 c truncated rather than rounded, as the release does."""
    return (colour.detach().clamp(0, 1) * 255).byte().movedim(-3, -1).cpu().numpy()


def write_frames(
    folder: Path | str, frames: Iterable[UInt8[np.ndarray, "height width 3"]], num_frames: int, report: Report = ignore
) -> None:
    """Write `0000.png`, `0001.png`, ... into a folder, which is made if needed. Frames of those names are replaced.

    Raises:
        FormatError: The folder cannot be made or written.
    """
    folder = make_folder(folder)
    for index, frame in enumerate(frames):
        with published(folder / f"{index:04d}.png") as beside:
            Image.fromarray(frame).save(beside, format="PNG")
        report(Progress("encode", index + 1, num_frames))


def write_depth(
    path: Path | str, depth: Float[Tensor, "views height width"], alpha: Float[Tensor, "views height width"]
) -> None:
    """Write the distance of the visible surface as a NumPy archive (`.npz`) of float32.

    `depth` [views, height, width] is along the viewing axis, in the scene's units: the blended depth divided by
    `alpha`, zero where nothing was drawn. `alpha` says how much of the pixel is covered.

    Raises:
        FormatError: Another suffix, or the place cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise FormatError(f"{path.name}: depth is written as .npz, not '{path.suffix}'. Change the name's end.")
    surface = (depth / alpha.clamp(min=1e-6)).where(alpha > 0, 0)
    with published(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, depth=surface.float().cpu().numpy(), alpha=alpha.float().cpu().numpy())
