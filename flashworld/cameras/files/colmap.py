"""COLMAP's text model: a folder with cameras.txt (intrinsics) and images.txt (poses).

Its poses are camera_from_world with x right, y down, z forward; its intrinsics are pixels with the origin at the
picture's upper left corner, as ours. Format: https://colmap.github.io/format.html
"""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.files.checks import checked, in_order, read_text
from flashworld.errors import FormatError
from flashworld.geometry import matrix_from_quaternion, multiply
from flashworld.publish import make_folder, published

PARAMETERS = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fx fy cx cy",
    "SIMPLE_RADIAL": "f cx cy k",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2",
}
"""Camera models that are pinholes when their distortion is zero, and the order of their parameters."""


def read(folder: Path) -> tuple[Cameras, Float[Tensor, "n 2"]]:
    """The cameras of all registered images, in the order of the images' names."""
    if (folder / "cameras.bin").is_file() and not (folder / "cameras.txt").is_file():
        raise FormatError("cameras.bin is COLMAP's binary form; use colmap model_converter --output_type TXT")
    try:
        intrinsics = _read_cameras(read_text(folder / "cameras.txt"))
        images = _sorted_images(folder)
        rows = [[*pose, *intrinsics[camera]] for pose, camera, _ in images]
        table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 13)
    except KeyError as error:
        raise FormatError(f"images.txt speaks of a camera {error} that cameras.txt does not have") from None
    except (ValueError, IndexError, OverflowError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"cameras.txt or images.txt has a line of another form ({error})") from None
    quaternions, positions = _turn_round(table[:, :4], table[:, 4:7])
    return checked(torch.cat([quaternions, positions, table[:, 7:]], dim=-1), "images.txt")


def write(cameras: Cameras, path: Path, height: int, width: int) -> None:
    """Write cameras.txt, images.txt and an empty points3D.txt into the folder `path`."""
    rows = cameras.to("cpu", torch.float64)
    camera_from_world = _turn_back(torch.nn.functional.normalize(rows.quaternions, dim=-1), rows.positions)
    pixels = rows.intrinsics * torch.tensor([width, height, width, height])
    camera_lines = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    image_lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME, and a line of POINTS2D[]"]
    for index, numbers in enumerate(torch.cat([*camera_from_world, pixels], dim=-1).tolist(), start=1):
        words = [f"{number:.10g}" for number in numbers]
        camera_lines.append(f"{index} PINHOLE {width} {height} {' '.join(words[7:])}")
        image_lines += [f"{index} {' '.join(words[:7])} {index} frame_{index:05d}.png", ""]
    folder = make_folder(path)
    for name, lines in (("cameras.txt", camera_lines), ("images.txt", image_lines), ("points3D.txt", [])):
        with published(folder / name) as beside:
            beside.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def picture_names(folder: Path) -> list[str]:
    """Names of the registered images, in the order in which `read` has the cameras."""
    return [name for _, _, name in _sorted_images(folder)]


def _sorted_images(folder: Path) -> list[tuple[list[float], int, str]]:
    return sorted(_read_images(read_text(folder / "images.txt")), key=lambda image: in_order(image[2]))


def _read_cameras(text: str) -> dict[int, list[float]]:
    """Camera number to fx, fy, cx, cy in pixels, height, width."""
    intrinsics = {}
    for words in (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")):
        number, model, width, height = int(words[0]), words[1], int(words[2]), int(words[3])
        if model not in PARAMETERS:
            raise FormatError(f"cameras.txt: camera model {model} is no pinhole; allowed: {', '.join(PARAMETERS)}")
        if width <= 0 or height <= 0:
            raise FormatError(f"cameras.txt: camera {number} has a picture of {width} x {height}")
        values = dict(zip(PARAMETERS[model].split(), map(float, words[4:]), strict=True))
        if any(abs(value) > 1e-9 for key, value in values.items() if key[0] in "kp"):
            raise FormatError(f"cameras.txt: camera {number} is distorted; undistort it (colmap image_undistorter)")
        fx, fy = values.get("fx", values.get("f", 0.0)), values.get("fy", values.get("f", 0.0))
        intrinsics[number] = [fx, fy, values["cx"], values["cy"], float(height), float(width)]
    return intrinsics


def _read_images(text: str) -> list[tuple[list[float], int, str]]:
    """Pose, camera number and name of each image. Every second line lists points, and may be empty."""
    images = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.strip() and not line.startswith("#"):
            words = line.split(maxsplit=9)
            images.append(([float(word) for word in words[1:8]], int(words[8]), words[9]))
            points = next(lines, "").split()
            if len(points) % 3 or any(word.strip("+-.0123456789eE") for word in points):
                raise FormatError(
                    f"images.txt: image {words[9]!r} is not followed by its line of points; an empty line is enough"
                )
    return images


def _turn_round(
    quaternions: Float[Tensor, "n 4"], translations: Float[Tensor, "n 3"]
) -> tuple[Float[Tensor, "n 4"], Float[Tensor, "n 3"]]:
    """camera_from_world with y down to world_from_camera with y up."""
    inverse = torch.nn.functional.normalize(quaternions, dim=-1) * quaternions.new_tensor([1, -1, -1, -1])
    positions = -(matrix_from_quaternion(inverse) @ translations[..., None]).squeeze(-1)
    return multiply(inverse, _half_turn(inverse)), positions


def _turn_back(
    quaternions: Float[Tensor, "n 4"], positions: Float[Tensor, "n 3"]
) -> tuple[Float[Tensor, "n 4"], Float[Tensor, "n 3"]]:
    """The inverse of `_turn_round`."""
    inverse = multiply(quaternions, -_half_turn(quaternions)) * quaternions.new_tensor([1, -1, -1, -1])
    return inverse, -(matrix_from_quaternion(inverse) @ positions[..., None]).squeeze(-1)


def _half_turn(like: Float[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
    """Half a turn around x, which swaps y up and looking along -z with y down and looking along z."""
    return like.new_tensor([0, 1, 0, 0]).expand_as(like)
