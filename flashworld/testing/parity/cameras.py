"""Section 3 of the reference: quaternions, normalisation, rays, resampling."""

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from flashworld.cameras import Cameras, cast_rays, in_model_world, normalise, ray_map, resample
from flashworld.cameras.normalisation import reach
from flashworld.geometry import Similarity, matrix_from_quaternion, quaternion_from_matrix
from flashworld.testing.parity.comparison import Comparison, largest_mixed, of_cameras, up_to_sign

FILE = "cameras.safetensors"
TOLERANCE = 1e-5


def compare_cameras(recorded: dict[str, Tensor]) -> Iterator[Comparison]:
    """Every tensor of the camera fixture that is an output."""
    for name, ours, tolerance in _outputs(recorded):
        measure = (
            up_to_sign
            if name == "quat.back"
            else of_cameras
            if name.endswith(".out") and name != "raymap.out"
            else largest_mixed
        )
        yield Comparison(FILE, name, measure(ours, recorded[name]), tolerance)


def _outputs(recorded: dict[str, Tensor]) -> Iterator[tuple[str, Tensor, float]]:
    yield "quat.matrix", matrix_from_quaternion(recorded["quat.in"]), TOLERANCE
    yield "quat.back", quaternion_from_matrix(recorded["quat.matrix"]), TOLERANCE
    for case in _cases(recorded, r"norm(?!_given)\w*"):
        # Rounding of identical cameras is divided by 0.01.
        tolerance = 1e-4 if "degenerate" in case else TOLERANCE
        cameras = Cameras.from_vectors(recorded[f"{case}.in"])
        yield f"{case}.out", normalise(cameras)[0].vectors(), tolerance
        yield f"{case}.T_norm", reach(cameras)[:, None, None], tolerance
        yield f"{case}.ref_w2c", reference_view(normalise(cameras)[1]), tolerance
    world_from_model = normalise(Cameras.from_vectors(recorded["norm.in"]))[1]
    given = in_model_world(Cameras.from_vectors(recorded["norm_given.in"]), world_from_model)
    yield "norm_given.out", given.vectors(), TOLERANCE
    cameras = Cameras.from_vectors(recorded["rays.cameras"])
    height, width = recorded["rays.hw"].tolist()
    for case, offsets in (("rays", None), ("rays_uv", recorded["rays_uv.offset"])):
        origins, directions = cast_rays(cameras, height, width, offsets)
        yield f"{case}.o", origins, TOLERANCE
        yield f"{case}.d", directions, TOLERANCE
    yield "raymap.out", ray_map(cameras, height, width), TOLERANCE
    for case in _cases(recorded, r"dense\d+"):
        path = Cameras.from_vectors(recorded[f"{case}.in"])
        yield f"{case}.out", resample(path, recorded[f"{case}.t"]).vectors(), TOLERANCE


def _cases(recorded: dict[str, Tensor], pattern: str) -> list[str]:
    return sorted(name.removesuffix(".in") for name in recorded if re.fullmatch(pattern + r"\.in", name))


def reference_view(world_from_model: Similarity) -> Tensor:
    """The release's `ref_w2c`, [b, 1, 4, 4]: the rigid transform from the world into the first camera."""
    rigid = Similarity(world_from_model.rotation, world_from_model.translation, torch.ones_like(world_from_model.scale))
    inverse = rigid.inverse()
    matrix = torch.eye(4, dtype=inverse.translation.dtype).repeat(len(inverse.translation), 1, 1, 1)
    matrix[..., :3, :3] = inverse.matrix[:, None]
    matrix[..., :3, 3] = inverse.translation[:, None]
    return matrix
