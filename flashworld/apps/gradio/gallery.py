"""Ready paths and examples. They only fill the inputs: looking at them costs nobody any GPU time."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from flashworld.apps.gradio.drawing import draw_sentence, draw_small
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
    """Inputs that go together. `thumbnail` is the picture itself, or the sentence where there is none.

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
    return ReadyPath(_name(file), text, drawing)


def _example(file: Path, folder: Path) -> Example:
    fields = json.loads(file.read_text(encoding="utf-8"))
    sentence, path = fields["text_prompt"], from_files([str(file)])
    picture = EXAMPLES / "pictures" / f"{file.stem}.jpg"
    if picture.exists():
        there = Path(shutil.copy(picture, folder))
        return Example(_name(file), there, sentence, path, there)
    card = folder / f"{file.stem}.svg"
    card.write_text(draw_sentence(sentence), encoding="utf-8")
    return Example(_name(file), None, sentence, path, card)


def _name(file: Path) -> str:
    return file.stem.replace("_", " ").replace("-", " ")
