"""Progress messages: what the library tells the applications while it works. Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["load", "text", "picture", "denoise", "decode", "render", "encode", "write"]


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of one stage are finished. `step` counts denoising steps from 0 where there is one."""

    stage: Stage
    done: int
    total: int
    step: int | None = None


Report = Callable[[Progress], None]
"""Receives progress. It may raise `flashworld.errors.Cancelled` to stop the work at once."""


def ignore(progress: Progress) -> None:
    """The report of a caller that does not watch."""
