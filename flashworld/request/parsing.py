"""From JSON to a checked request, with every fault in one sentence of its own."""

import json
from collections import Counter
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from flashworld.errors import RequestError
from flashworld.request.schema import CameraPath, CameraView, SceneRequest, Schema

MAX_REQUEST_BYTES = 100_000_000
MAX_VALUES = 200_000
"""Commas in a request. A path of 1,024 cameras has some 15,000; a million values would take seconds to read."""

MAX_FAULTS = 20
"""Faults that are spelt out; the rest is counted."""

AnySchema = TypeVar("AnySchema", bound=Schema)


def parse_request(data: dict[str, Any] | str | bytes) -> SceneRequest:
    """The request in a JSON text or an object already read from one.

    Raises:
        RequestError: with one sentence per fault, each naming the field, what was given and what is allowed.
    """
    return _parse(SceneRequest, data)


def parse_path(data: dict[str, Any] | str | bytes) -> CameraPath:
    """The path in the JSON `{"cameras": [...]}`; a whole request serves too. Raises like `parse_request`."""
    return _parse(CameraPath, data)


def _parse(schema: type[AnySchema], data: Any) -> AnySchema:
    fields = read_json(data) if isinstance(data, (str, bytes, bytearray)) else data
    if not isinstance(fields, dict):
        raise RequestError([f"the request: {_shorten(fields)} was given; a JSON object with 'cameras' is needed"])
    faults = _misspelt(schema, fields)
    try:
        parsed = schema.model_validate(fields)
    except ValidationError as error:
        faults += [_sentence(schema, fault) for fault in error.errors(include_url=False) if not _is_echo(fault)]
        raise RequestError(_first(faults)) from None
    if faults:
        raise RequestError(faults)
    return parsed


def _first(faults: list[str]) -> list[str]:
    """The first faults, each once, and the number of the others."""
    faults = list(dict.fromkeys(faults))
    more = len(faults) - MAX_FAULTS
    return faults[:MAX_FAULTS] + ([f"and {more} more faults"] if more > 0 else [])


def _misspelt(schema: type[Schema], fields: dict[str, Any]) -> list[str]:
    """A fault for each unknown field whose name is nearly that of a missing one."""
    missing = [name for name in schema.model_fields if name not in fields]
    unknown = [key for key in fields if isinstance(key, str) and len(key) <= 32 and key not in schema.model_fields]
    near = {key: get_close_matches(key, missing, n=1, cutoff=0.8) for key in unknown[:64]}
    return [f"{key}: the field is unknown; {names[0]} is meant, it seems" for key, names in near.items() if names]


def read_json(text: str | bytes | bytearray) -> Any:
    """What a JSON text says, read within bounds.

    Raises:
        RequestError: too long, no JSON, a number that is not finite, or a field given twice.
    """
    if len(text) > MAX_REQUEST_BYTES:
        raise RequestError([f"the request has {len(text) / 1e6:.0f} MB; {MAX_REQUEST_BYTES // 10**6} MB are allowed"])
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        if text.count(",") > MAX_VALUES:
            raise RequestError([f"the request has over {MAX_VALUES} values, more than any path needs"])
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except RequestError:
        raise
    except RecursionError:
        raise RequestError(["the request is nested too deeply to be one"]) from None
    except UnicodeDecodeError:
        raise RequestError(["the request is not text in UTF-8"]) from None
    except ValueError as error:  # a JSON syntax error, or an integer of thousands of digits
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "a number has too many digits"
        raise RequestError([f"the request is not valid JSON: {reason}"]) from None


def _refuse_constant(name: str) -> NoReturn:
    raise RequestError([f"the request holds {name}, which is no JSON; only finite numbers are allowed"])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise RequestError([f"the field {_shorten(twice)} is given twice in one object; say it once"])
    return fields


def _sentence(schema: type[Schema], fault: Any) -> str:
    """One fault of pydantic's as "field: what was given; allowed is what"."""
    names = [part for part in fault["loc"] if not _is_branch(part)]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in names).lstrip(".")
    if fault["type"] == "value_error":
        return f"{where or 'the request'}: {fault['ctx']['error']}"
    given = "it is missing" if fault["type"] == "missing" else f"{_shorten(fault['input'])} was given"
    return f"{where}: {given}; allowed: {_allowed(schema, names)}"


def _is_echo(fault: Any) -> bool:
    """Whether a list is called too short only because all of its entries are faulty, which is said of each already."""
    return fault["type"] == "too_short" and len(fault["input"]) > 0


def _is_branch(part: Any) -> bool:
    """Whether a part of a fault's place is the type of a union that pydantic tried, and no field."""
    return part in ("str", "bytes", "int", "constrained-int")


def _allowed(schema: type[Schema], names: list[Any]) -> str:
    """The description of the innermost field that `names` lead to; a whole camera has none of its own."""
    fields = [name for name in names if isinstance(name, str)]
    if len(fields) == 1 and len(names) == 2 and fields[0] == "cameras":
        return "an object with quaternion, position, fx, fy, cx, cy"
    owner = CameraView if len(fields) > 1 else schema
    return owner.model_fields[fields[-1]].description or ""


def _shorten(given: Any) -> str:
    """What was given, in few characters: never a megabyte of base64 in an error."""
    if isinstance(given, str):
        return repr(given) if len(given) <= 40 else f"{given[:40]!r}… ({len(given)} characters)"
    if isinstance(given, int) and abs(given) >= 10**20:
        return f"a whole number of {given.bit_length() * 3 // 10} digits"
    if given is None or isinstance(given, (bool, int, float)):
        return json.dumps(given)
    if isinstance(given, (list, tuple)):
        return f"a list of {len(given)}"
    if isinstance(given, dict):
        return f"an object of {len(given)} fields"
    return f"a {type(given).__name__}"
