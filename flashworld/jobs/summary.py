"""`Summary`: what is remembered of a finished scene, as it lies beside the scene's files. Imports no torch."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from flashworld.errors import FormatError, RequestError
from flashworld.request.parsing import read_json


@dataclass(frozen=True)
class Summary:
    """The number of Gaussians, the seed that made them, the seconds of each stage, and when all was done (Unix)."""

    num_gaussians: int
    seed: int
    seconds: dict[str, float]
    finished_at: float

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def parse(cls, data: bytes) -> "Summary":
        """Read what `to_json` wrote.

        Raises:
            FormatError: It is cut off, or something else altogether.
        """
        try:
            given = read_json(data)
        except RequestError:
            given = None
        if not isinstance(given, dict) or set(given) != {field.name for field in fields(cls)}:
            raise FormatError("The summary of a result is damaged.")
        seconds, whole = given["seconds"], (given["num_gaussians"], given["seed"])
        sound = (
            isinstance(seconds, dict)
            and all(map(_is_time, (*seconds.values(), given["finished_at"])))
            and all(type(number) is int and 0 <= number < 2**63 for number in whole)
        )
        if not sound:
            raise FormatError("The summary of a result is damaged.")
        return cls(**given)


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e12
