"""The model's world: poses relative to the first camera, positions within a ball of radius one."""

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.errors import RequestError
from flashworld.geometry import Similarity

MARGIN = 0.01
"""Added to the reach before dividing by it. The published weights were trained with it."""
FARTHEST = 1e5
"""Distance from the origin, in reaches of the path, at which float32 still tells a hundredth of the reach."""


def reach(cameras: Cameras) -> Float[Tensor, "*batch"]:
    """Largest distance of a camera from the first one of its path; `cameras` are [*batch, n]."""
    steps = cameras.positions - cameras.positions[..., :1, :]
    return steps.norm(dim=-1).amax(dim=-1)


def in_float32(cameras: Cameras) -> Cameras:
    """The path [n], as precise as scenes are.

    Raises:
        RequestError: It moves so far from the origin that little or nothing of its movement would be left. A movement
            within `MARGIN` is hardly one to the model, and may be the rounding of a path that only turns.
    """
    moves, distance = reach(cameras).item(), cameras.positions.norm(dim=-1).max().item()
    if MARGIN < moves < distance / FARTHEST:
        where = f"the path moves {moves:.3g} at a distance of {distance:.3g} from the origin"
        raise RequestError([f"cameras: {where}; float32 is too coarse there to tell; move the path near the origin"])
    return cameras.to(torch.float32)


def normalise(cameras: Cameras) -> tuple[Cameras, Similarity]:
    """Cameras [*batch, n] in the model's world, and `world_from_model`, which brings a scene back to the user's world.

    The first camera stands at the origin with no rotation; positions are divided by `reach + 0.01`. Intrinsics stay.

    A path whose reach is nothing but rounding error only turns, and its pictures are the same at every scale. Dividing
    by 0.01 would shrink the scene to a hundredth on its way back, so one unit of the model is then one unit of the
    user, and all cameras stand exactly at the origin.
    """
    distance = reach(cameras)
    magnitude = cameras.positions.abs().amax(dim=(-2, -1)).clamp(min=1)
    turns_only = distance <= 1e-6 * magnitude
    world_from_model = Similarity(
        rotation=torch.nn.functional.normalize(cameras.quaternions[..., 0, :], dim=-1),
        translation=cameras.positions[..., 0, :],
        scale=torch.where(turns_only, torch.ones_like(distance), distance + MARGIN),
    )
    normalised = in_model_world(cameras, world_from_model)
    positions = torch.where(turns_only[..., None, None], 0, normalised.positions)
    return Cameras(normalised.quaternions, positions, normalised.intrinsics), world_from_model


def in_model_world(cameras: Cameras, world_from_model: Similarity) -> Cameras:
    """Cameras [*batch, n] of the user's world in the model's: other views of a scene, such as those of its video."""
    model_from_world = world_from_model.inverse()
    # The difference is taken first: far from the origin, inverse().apply would subtract two large rounded numbers.
    shifted = cameras.positions - world_from_model.translation[..., None, :]
    positions = (shifted @ model_from_world.matrix.mT) * model_from_world.scale[..., None, None]
    quaternions = model_from_world.rotate(torch.nn.functional.normalize(cameras.quaternions, dim=-1))
    upright = torch.where(quaternions[..., :1] < 0, -quaternions, quaternions)
    return Cameras(upright, positions, cameras.intrinsics)


def in_user_world(cameras: Cameras, world_from_model: Similarity) -> Cameras:
    """The inverse of `in_model_world`: cameras [*batch, n] of the model's world in the user's."""
    return Cameras(
        quaternions=world_from_model.rotate(cameras.quaternions),
        positions=world_from_model.apply(cameras.positions),
        intrinsics=cameras.intrinsics,
    )
