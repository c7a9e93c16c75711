"""One line of the parity table, and the measures of difference that the reference's tolerances speak of."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Comparison:
    """How far our value of a recorded tensor is from the recording. A difference that is not a number is a failure."""

    file: str
    tensor: str
    difference: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= self.tolerance


def largest(ours: Tensor, recorded: Tensor) -> float:
    """Largest absolute difference; infinite where the shapes differ."""
    if ours.shape != recorded.shape:
        return float("inf")
    return (ours.double() - recorded.double()).abs().max().item() if ours.numel() else 0.0


def largest_mixed(ours: Tensor, recorded: Tensor) -> float:
    """Largest difference, absolute for values up to one and relative above."""
    if ours.shape != recorded.shape:
        return float("inf")
    difference = (ours.double() - recorded.double()).abs()
    return (difference / recorded.double().abs().clamp(min=1)).max().item()


def largest_of_range(ours: Tensor, recorded: Tensor) -> float:
    """Largest absolute difference as a share of the largest recorded value."""
    return largest(ours, recorded) / recorded.abs().max().double().item()


def relative_l2(ours: Tensor, recorded: Tensor) -> float:
    """Length of the difference as a share of the recording's length."""
    if ours.shape != recorded.shape:
        return float("inf")
    return ((ours.double() - recorded.double()).norm() / recorded.double().norm()).item()


def mean(ours: Tensor, recorded: Tensor) -> float:
    """Mean absolute difference."""
    if ours.shape != recorded.shape:
        return float("inf")
    return (ours.double() - recorded.double()).abs().mean().item()


def median(ours: Tensor, recorded: Tensor) -> float:
    """Median absolute difference."""
    if ours.shape != recorded.shape:
        return float("inf")
    return (ours.double() - recorded.double()).abs().median().item()


def share_beyond(ours: Tensor, recorded: Tensor, limit: float) -> float:
    """Share of the values that differ by more than `limit`."""
    if ours.shape != recorded.shape:
        return float("inf")
    return ((ours.double() - recorded.double()).abs() > limit).double().mean().item()


def differing(ours: Tensor, recorded: Tensor) -> float:
    """Share of the values that are not equal, for bytes and bits."""
    if ours.shape != recorded.shape:
        return float("inf")
    return (ours != recorded).double().mean().item() if ours.numel() else 0.0


def of_cameras(ours: Tensor, recorded: Tensor) -> float:
    """Largest difference of camera rows, as `largest_mixed`. The sign of a half turn's quaternion (w = 0) is free."""
    if ours.shape != recorded.shape:
        return float("inf")
    half_turn = recorded[..., :1].abs() < 1e-4
    opposite = (ours[..., :4] * recorded[..., :4]).sum(-1, keepdim=True) < 0
    signs = torch.where(half_turn & opposite, -1.0, 1.0)
    return largest_mixed(torch.cat([ours[..., :4] * signs, ours[..., 4:]], dim=-1), recorded)


def up_to_sign(ours: Tensor, recorded: Tensor) -> float:
    """Largest difference of quaternions, of which q and -q are the same rotation."""
    if ours.shape != recorded.shape:
        return float("inf")
    same = (ours.double() - recorded.double()).abs().amax(-1)
    opposite = (ours.double() + recorded.double()).abs().amax(-1)
    return torch.minimum(same, opposite).max().item()
