"""`Record`: what made a scene, in one JSON file that makes it again."""

import functools
import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flashworld.publish import published
from flashworld.request import SceneRequest, parse_request
from flashworld.request.parsing import read_json

PACKAGES = ("torch", "diffusers", "transformers", "numpy", "numba", "pillow")


@dataclass(frozen=True)
class Memory:
    """How a GPU's memory was shared: the plan, what was predicted for it, and what was measured.

    `fell_back_from` names the plan that ran out of memory first.
    """

    plan: str
    predicted_bytes: int
    predicted_seconds: float
    peak_bytes: int
    fell_back_from: str | None = None


@dataclass(frozen=True)
class Record:
    """Everything that decided a scene, and how long each stage took in seconds.

    The same request, model, weights, size and seed on the same kind of device with the same versions give the same
    bytes. `request` holds the seed that was drawn where none was given. `memory` is known on a GPU.
    """

    request: SceneRequest
    model: str
    weights: str
    trained: bool
    exact_size: bool
    work: tuple[int, int, int]
    device: str
    dtype: str
    rasteriser: str
    versions: dict[str, str]
    seconds: dict[str, float]
    memory: Memory | None = None

    def provenance(self) -> dict[str, str]:
        """The facts that scene files carry."""
        model = self.model if self.trained else f"{self.model} (untrained)"
        return {
            "generator": f"FlashWorld {self.versions['flashworld']}",
            "model": model,
            "weights": self.weights,
            "seed": str(self.request.seed),
        }

    def to_json(self) -> str:
        """The record as a JSON text, the request as it was given."""
        facts = asdict(self) | {"request": json.loads(self.request.to_json())}
        return json.dumps(facts, indent=1)

    def save(self, path: Path | str) -> None:
        """Write the record; `flashworld generate` and `read_record` take the file."""
        with published(path) as beside:
            beside.write_text(self.to_json(), encoding="utf-8")


@dataclass(frozen=True)
class Replay:
    """What to make, and what made it before: the name of the model and its weights, none for a plain request."""

    request: SceneRequest
    exact_size: bool = False
    model: str | None = None
    weights: str | None = None


def read_record(text: str | bytes) -> Replay:
    """What a record, or a plain request, asks for.

    Raises:
        RequestError: No JSON, or a request that breaks the schema.
    """
    fields = read_json(text)
    if isinstance(fields, dict) and "weights" in fields and "request" in fields:
        return Replay(
            request=parse_request(fields["request"]),
            exact_size=fields.get("exact_size") is True,
            model=str(fields["model"]) if "model" in fields else None,
            weights=str(fields["weights"]),
        )
    return Replay(parse_request(fields))


def versions_here() -> dict[str, str]:
    """Versions of this package, Python and what the numbers depend on."""
    return {"flashworld": _version("flashworld"), "python": platform.python_version()} | {
        name: _version(name) for name in PACKAGES
    }


@functools.cache
def _version(package: str) -> str:
    """Looked up once: it takes a millisecond, for every step of every scene, while a GPU has nothing to do."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
