"""Files of tensors, opened without reading the tensors and without running code from them."""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flashworld.errors import WeightsError


class Safetensors(Mapping[str, Tensor]):
    """The tensors of some safetensors files, each read when it is asked for. The files are mapped into memory."""

    def __init__(self, paths: list[Path]):
        self._handles: dict[str, Any] = {}
        for path in paths:
            handle = _open(path)
            self._handles.update(dict.fromkeys(handle.keys(), handle))

    def __getitem__(self, name: str) -> Tensor:
        return self._handles[name].get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._handles)

    def __len__(self) -> int:
        return len(self._handles)


class Selection(Mapping[str, Tensor]):
    """Some of the tensors of another mapping under other names, still unread. `names` maps new to old ones."""

    def __init__(self, tensors: Mapping[str, Tensor], names: Mapping[str, str]):
        self._tensors = tensors
        self._names = names

    @classmethod
    def under(cls, tensors: Mapping[str, Tensor], prefix: str) -> "Selection":
        """The tensors whose names begin with `prefix`, which is taken off."""
        return cls(tensors, {name.removeprefix(prefix): name for name in tensors if name.startswith(prefix)})

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _open(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt", device="cpu")
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing: download or copy it again.") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is cut short or is no safetensors file ({error}): download or copy it again."
        ) from error


def open_checkpoint(path: Path) -> dict[str, Mapping[str, Tensor]]:
    """The `transformer` and `recon_decoder` entries of a FlashWorld checkpoint.

    `path` is a file of `torch.save` with a dictionary of these two, like the published `model.ckpt`, or a safetensors
    file whose names begin with `transformer.` and `recon_decoder.`.

    Raises:
        WeightsError: The file is missing, damaged, would run code, or has no such entries.
    """
    if not path.is_file():
        raise WeightsError(f"There is no checkpoint at {path}: give the path of model.ckpt with --ckpt.")
    if path.suffix == ".safetensors":
        tensors = Safetensors([path])
        entries: dict[str, Any] = {
            part: Selection.under(tensors, f"{part}.") for part in ("transformer", "recon_decoder")
        }
    else:
        entries = _unpickle(path)
    absent = [part for part in ("transformer", "recon_decoder") if not _is_state_dict(entries.get(part))]
    if absent:
        raise WeightsError(
            f"{path} is not a FlashWorld checkpoint: it has no tensors under {' and '.join(absent)}; "
            "give the published model.ckpt with --ckpt."
        )
    return entries


def _unpickle(path: Path) -> dict[str, Any]:
    try:
        loaded = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} was refused because it holds more than tensors, and reading it could run foreign code: "
            "use the published model.ckpt or a .safetensors file."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path} is cut short or is no checkpoint in torch's zip format: download or copy it again."
        ) from error
    return loaded if isinstance(loaded, dict) else {}


def _is_state_dict(entry: Any) -> bool:
    return isinstance(entry, Mapping) and len(entry) > 0 and isinstance(next(iter(entry.values())), Tensor)
