"""Camera paths in files: our own JSON, nerfstudio's transforms.json, COLMAP's text model.

Each module of a format has `read` (cameras, and the sizes of their pictures) and `write`, and converts conventions at
its door. The world is left as the file has it: whether its up is y or z makes no difference to a scene, which is built
relative to the first camera and put back.
"""

from collections.abc import Callable
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.files import colmap, nerfstudio, own
from flashworld.cameras.files.checks import read_json
from flashworld.cameras.path import cropped
from flashworld.errors import FormatError

WRITERS: dict[str, Callable[[Cameras, Path, int, int], None]] = {
    "flashworld": own.write,
    "nerfstudio": nerfstudio.write,
    "colmap": colmap.write,
}
"""Name of a format to the function that writes it."""


def read_path(
    path: str | Path, height: int | None = None, width: int | None = None, target: tuple[int, int] | None = None
) -> Cameras:
    """The cameras in a file or a COLMAP folder, whichever format its content shows.

    Args:
        path: our JSON (a request serves too), nerfstudio's JSON, or a folder with cameras.txt and images.txt.
        height: rows of the picture that the intrinsics speak of, for a file that does not say. Without it, the
            principal points tell: 2 cx by 2 cy.
        width: its columns.
        target: height and width of the pictures to make. If their aspect is another than the file's, the view is cut
            to it around its centre, as a picture is. Without it the intrinsics stay.

    Raises:
        FormatError: not there, or not of a known format.
        RequestError: our JSON with faults, all of them.
    """
    cameras, sizes = read_sized(path, height, width)
    return cameras if target is None else cropped(cameras, sizes, target)


def read_sized(
    path: str | Path, height: int | None = None, width: int | None = None
) -> tuple[Cameras, Float[Tensor, "n 2"]]:
    """As `read_path`, and height and width of each camera's picture."""
    path = Path(path)
    if path.is_dir() or path.suffix in (".txt", ".bin"):
        return colmap.read(path if path.is_dir() else path.parent)
    content = read_json(path)
    if "frames" in content:
        given = {side: pixels for side, pixels in (("h", height), ("w", width)) if pixels}
        return nerfstudio.read(given | content, path.name)
    if "cameras" in content:
        return own.read(content, height, width)
    raise FormatError(f"{path.name} is no camera path: it has neither 'cameras' (ours) nor 'frames' (nerfstudio)")


def read_pictured(folder: Path) -> tuple[Cameras, Float[Tensor, "n 2"], list[Path]]:
    """The cameras of a capture, height and width that their files state, and where their pictures are.

    A folder of nerfstudio (transforms.json) or COLMAP: cameras.txt and images.txt in `sparse/0`, `sparse` or the folder
    itself, pictures in `images`. Pictures may also lie in `images_2`, `images_4` or `images_8`, made smaller.

    Raises:
        FormatError: neither is there, or its content is not of its format.
    """
    if (folder / "transforms.json").is_file():
        content = read_json(folder / "transforms.json")
        if "frames" not in content:
            raise FormatError(f"{folder.name}: transforms.json has no 'frames'")
        cameras, sizes = nerfstudio.read(content, f"{folder.name}/transforms.json")
        names = [Path(name) for name in nerfstudio.picture_names(content, folder.name)]
        return cameras, sizes, [_picture(folder, name.parent, name.name) for name in names]
    for place in (folder / "sparse" / "0", folder / "sparse", folder):
        if (place / "images.txt").is_file():
            cameras, sizes = colmap.read(place)
            return cameras, sizes, [_picture(folder, Path("images"), name) for name in colmap.picture_names(place)]
    raise FormatError(
        f"{folder.name} holds no cameras: a transforms.json or COLMAP's cameras.txt and images.txt is needed "
        "(colmap model_converter --output_type TXT makes these of .bin files)"
    )


def _picture(folder: Path, place: Path, name: str) -> Path:
    """The picture where its file says, or made smaller beside it."""
    places = [folder / place, *(folder / f"{place}_{share}" for share in (2, 4, 8))]
    return next((there / name for there in places if (there / name).exists()), places[0] / name)


def write_path(cameras: Cameras, path: str | Path, height: int, width: int, kind: str | None = None) -> None:
    """Write a path with intrinsics in pixels of a `height` x `width` picture.

    Args:
        cameras: of one path, without a batch.
        path: a file, or a folder for COLMAP.
        height: rows of the picture.
        width: columns of the picture.
        kind: one of `WRITERS`. Without it the name decides: transforms.json is nerfstudio's, other .json ours, and what
            has no suffix a COLMAP folder.
    """
    path = Path(path)
    if kind is None:
        by_name = "nerfstudio" if path.name == "transforms.json" else "flashworld"
        kind = {".json": by_name, "": "colmap"}.get(path.suffix)
    if kind not in WRITERS:
        raise FormatError(f"{path.name} names no format of camera paths; allowed: .json, transforms.json, a folder")
    WRITERS[kind](cameras, path, height, width)
