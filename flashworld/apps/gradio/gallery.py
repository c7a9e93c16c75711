"""Ready paths and examples. They only fill the inputs: looking at them costs nobody any GPU time."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from flashworld.apps.gradio.drawing import draw_small
from flashworld.apps.gradio.paths import from_files, shown

EXAMPLES = Path(__file__).parents[3] / "examples"


@dataclass(frozen=True)
class ReadyPath:
    """A path to choose: its name, its text, and a drawing of it in a file."""

    name: str
    text: str
    drawing: Path


@dataclass(frozen=True)
class Example:
    """Inputs that go together. `thumbnail` is the picture itself, or a drawing of the path where there is none.

    Pictures lie beside the drawings, in Gradio's folder: it takes no other file back from a gallery that was clicked.
    """

    name: str
    picture: Path | None
    prompt: str
    path: str
    thumbnail: Path


def ready_paths(folder: Path) -> list[ReadyPath]:
    """The paths that come with the project; their drawings are put into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [EXAMPLES / "simple_trajectory.json", *sorted((EXAMPLES / "paths").glob("*.json"))]
    return [_ready(file, folder) for file in files]


def examples(folder: Path) -> list[Example]:
    """The requests that come with the project; their pictures and drawings are put into `folder`."""
    return [_example(file, folder) for file in sorted((EXAMPLES / "requests").glob("*.json"), reverse=True)]


def _ready(file: Path, folder: Path) -> ReadyPath:
    text = from_files([str(file)])
    drawing = folder / f"{file.stem}.svg"
    drawing.write_text(draw_small(shown(text)), encoding="utf-8")
    return ReadyPath(file.stem.replace("_", " ").replace("-", " "), text, drawing)


def _example(file: Path, folder: Path) -> Example:
    fields = json.loads(file.read_text(encoding="utf-8"))
    path = _ready(file, folder)
    picture = EXAMPLES / "pictures" / f"{file.stem}.jpg"
    there = Path(shutil.copy(picture, folder)) if picture.exists() else None
    return Example(path.name, there, fields["text_prompt"], path.text, there or path.drawing)
