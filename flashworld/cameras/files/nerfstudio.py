"""nerfstudio's transforms.json: world_from_camera matrices with OpenGL camera axes, intrinsics in pixels.

Intrinsics stand once for all frames or in each frame. Format: https://docs.nerf.studio/quickstart/data_conventions.html
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.files.checks import checked, in_order
from flashworld.errors import FormatError
from flashworld.geometry import quaternion_from_matrix
from flashworld.publish import published

DISTORTIONS = ("k1", "k2", "k3", "k4", "p1", "p2")
MODELS = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE")


def read(content: dict[str, Any], name: str) -> tuple[Cameras, Float[Tensor, "n 2"]]:
    """The cameras of all frames, in the order of their file names as nerfstudio has them."""
    try:
        rows = [_row({**content, **frame}) for frame in _frames(content, name)]
        table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 13)
        return checked(table, name)
    except FormatError as error:
        raise FormatError(str(error) if str(error).startswith(name) else f"{name}: {error}") from None
    except (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise FormatError(f"{name}: a frame lacks a value or has one of another type ({error})") from None


def picture_names(content: dict[str, Any], name: str) -> list[str]:
    """Where the pictures of all frames are, relative to the file, in the order in which `read` has the cameras."""
    return [str(frame.get("file_path", "")) for frame in _frames(content, name)]


def _frames(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    frames = content["frames"]
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        raise FormatError(f"{name}: 'frames' must be a list of objects")
    return sorted(frames, key=lambda frame: in_order(str(frame.get("file_path", ""))))


def _row(frame: dict[str, Any]) -> list[float]:
    """Quaternion, position, intrinsics in pixels, height and width of the picture."""
    model = frame.get("camera_model", "OPENCV")
    if model not in MODELS:
        raise FormatError(f"camera model {model!r} is no pinhole; allowed: {', '.join(MODELS)}")
    if any(abs(float(frame.get(key, 0))) > 1e-9 for key in DISTORTIONS):
        raise FormatError("the pictures are distorted (k1, k2, ...); undistort them first")
    pose = torch.tensor(frame["transform_matrix"], dtype=torch.float64)[:3]
    quaternion = quaternion_from_matrix(_rotation(pose[:, :3]))
    return [*quaternion.tolist(), *pose[:, 3].tolist(), *_intrinsics(frame)]


def _rotation(matrix: Float[Tensor, "3 3"]) -> Float[Tensor, "3 3"]:
    if not torch.allclose(matrix @ matrix.mT, torch.eye(3, dtype=matrix.dtype), atol=1e-3) or matrix.det() < 0:
        raise FormatError("a transform_matrix is no rotation with a translation; scale or mirroring is not allowed")
    return matrix


def _intrinsics(frame: dict[str, Any]) -> list[float]:
    """The intrinsics in pixels, then height and width.

    These two may be missing beside principal points, focal lengths beside an angle (Blender's files).
    """
    if not ({"w", "cx"} & set(frame) and {"h", "cy"} & set(frame)):
        raise FormatError("the file does not say the size of its pictures; add w and h, their width and height")
    width = float(frame["w"] if "w" in frame else 2 * frame["cx"])
    height = float(frame["h"] if "h" in frame else 2 * frame["cy"])
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise FormatError("the pictures have no size (w, h)")
    if "fl_x" in frame:
        fx = float(frame["fl_x"])
        fy = float(frame.get("fl_y", fx))
    else:
        fx = 0.5 * width / math.tan(0.5 * frame["camera_angle_x"])
        fy = 0.5 * height / math.tan(0.5 * frame["camera_angle_y"]) if "camera_angle_y" in frame else fx
    return [fx, fy, float(frame.get("cx", width / 2)), float(frame.get("cy", height / 2)), height, width]


def write(cameras: Cameras, path: Path, height: int, width: int) -> None:
    """Write a transforms.json; frames have names, but no pictures lie beside it."""
    rows = cameras.to("cpu", torch.float64)
    pixels = (rows.intrinsics * torch.tensor([width, height, width, height])).tolist()
    frames = []
    for index, (rotation, position) in enumerate(zip(rows.rotations.tolist(), rows.positions.tolist(), strict=True)):
        matrix = [[*axis, place] for axis, place in zip(rotation, position, strict=True)]
        intrinsics = dict(zip(("fl_x", "fl_y", "cx", "cy"), pixels[index], strict=True))
        name = f"images/frame_{index + 1:05d}.png"
        frames.append({"file_path": name, **intrinsics, "transform_matrix": [*matrix, [0.0, 0.0, 0.0, 1.0]]})
    content = {"camera_model": "PINHOLE", "w": width, "h": height, "frames": frames}
    with published(path) as beside:
        beside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
