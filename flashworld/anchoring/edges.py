"""Outlines: where one thing ends before another, a predicted distance belongs to one of them and not in between.

A model blurs distances as it blurs everything. Halfway between a tree and the sky behind it there is nothing, and what
stands there trails after the tree as the camera moves. But distances also change quickly where ground is seen at a
grazing angle, and there each one in between is right.

What tells the two apart: across a plane, one over the distance is linear in the picture, however steep the plane. So
planes that lie to both sides of a pixel foretell its value. On one plane, or where two meet, one of them foretells what
is there; at an outline the two disagree, and by nearly all of the change around it.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

REACH = 4
"""Pixels from an outline to where a side is taken as it is: half of how wide predictions blur."""
JUMP = 1.15
"""Times that the farther side is as far as the nearer one, at least, for an outline."""
ABRUPT = 0.75
"""Share of all the change around an outline that its jump is, at least. The rest is slope; where there is more of it,
what is predicted is a wide ramp, which may be a surface. 0.25 scores no worse, but such ramps fall into crumbs."""


def with_edges(distance: Float[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """Distances of pairs of pixels, one above the other; those at outlines become one side's, the closer in value.

    Where both a row and a column cross an outline, the greater jump decides. What is at no outline stays as it is, bit
    for bit.
    """
    inverse = 1 / distance.clamp(min=1e-6)
    jump, side = _sides(inverse, dim=2, reach=REACH)
    jump_down, side_down = _sides(inverse, dim=1, reach=REACH // 2)
    side = torch.where(jump_down > jump, side_down, side)
    outline = torch.maximum(jump, jump_down) > JUMP
    return torch.where(outline, 1 / torch.where(outline, side, 1.0).clamp(min=1e-6), distance)


def _sides(
    inverse: Float[Tensor, "b h w"], dim: int, reach: int
) -> tuple[Float[Tensor, "b h w"], Float[Tensor, "b h w"]]:
    """How many times farther one side is along rows (dim 2) or columns (dim 1), and the side that is closer in value.

    Each side says what it would be here: its value `reach` away, carried on along its slope, but not beyond all values
    around. The slope teaches nothing in training: its gradient would be that of the value many times over.

    Returns:
        The jump, 1 where it is not most of the change around; and one over the distance of that side.
    """
    size, width = inverse.shape[dim], reach + 1
    padding = (width, width, 0, 0) if dim == 2 else (0, 0, width, width)
    padded = pad(inverse[:, None], padding, mode="replicate")[:, 0]
    line = torch.stack([padded.narrow(dim, start, size) for start in range(2 * width + 1)])
    least, most = line.amin(dim=0), line.amax(dim=0)
    before = line[1] + reach * (line[1] - line[0]).detach()
    after = line[-2] + reach * (line[-2] - line[-1]).detach()
    before, after = before.clamp(least, most), after.clamp(least, most)
    far, near = torch.minimum(before, after), torch.maximum(before, after)
    abrupt = near - far > ABRUPT * (most - least)
    jump = torch.where(abrupt, near / far, 1.0)
    return jump, torch.where(inverse.square() > near * far, near, far)
