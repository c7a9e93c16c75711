"""`flashworld generate`: requests to scenes and their files."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from flashworld.apps.cli.options import model_options, parse_size, path_options

if TYPE_CHECKING:
    from flashworld.generate import Scene
    from flashworld.models import Model
    from flashworld.request import SceneRequest


@dataclass(frozen=True)
class Outputs:
    """Which files to write, and where."""

    folder: Path
    ply: bool
    spz: bool
    video: bool
    depth: bool
    video_fps: int
