"""Section 10 of the reference: the release's PLY columns, and SPZ payloads.

The release's PLY names all harmonics `f_dc_*`, scales by T_norm and stays in the first camera's frame; we write none of
that. Its table is built here from our Gaussians, to show that both hold the same scene.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from flashworld.formats import spz
from flashworld.gaussians import Gaussians
from flashworld.testing.parity.comparison import Comparison, differing, largest_mixed

FILE = "export.safetensors"
COLUMNS = 1e-5
ONE_UNIT_SHARE = 1e-3
"""Share of an SPZ payload's bytes that may differ by one unit, where a value sits on a rounding edge."""


def compare_export(recorded: dict[str, Tensor]) -> Iterator[Comparison]:
    """PLY columns with and without pruning, SPZ inputs, the payload, and what our reader makes of it."""
    scene = Gaussians.from_vectors(recorded["gaussians"])
    exported = _scaled(scene.pruned(recorded["opacity_threshold"].item()), recorded["T_norm"].item())
    columns = release_columns(exported)
    yield _column_line("ply.columns", columns, recorded["ply.columns"])
    yield _column_line("ply_unpruned.columns", release_columns(scene), recorded["ply_unpruned.columns"])
    if "ply.bytes" in recorded:
        body = recorded["ply.bytes"].numpy().tobytes().partition(b"end_header\n")[2]
        table = torch.from_numpy(np.frombuffer(body, "<f4").reshape(len(exported), -1).copy())
        yield _column_line("ply.bytes", columns, table)
    for name, values in _spz_inputs(exported).items():
        yield _column_line(name, values.flatten(), recorded[name])
    payload = torch.from_numpy(np.asarray(spz.encode(exported, spz.USUAL_FRACTIONAL_BITS)).copy())
    yield Comparison(
        FILE, "spz_file_xyzw.payload", _payload_difference(payload, recorded["spz_file_xyzw.payload"]), ONE_UNIT_SHARE
    )
    decoded = spz.decode(recorded["spz_file_xyzw.payload"].numpy())
    yield from _compare_decoded(decoded, recorded)


def release_columns(scene: Gaussians) -> Tensor:
    """The release's PLY table, in the order of the reference's `ply_property_names`."""
    parts = [
        scene.means,
        scene.harmonics.flatten(1),
        scene.opacities.logit()[:, None],
        (scene.scales + 1e-8).log(),
        scene.quaternions,
    ]
    return torch.cat(parts, dim=1)


def _scaled(scene: Gaussians, factor: float) -> Gaussians:
    return Gaussians(scene.means * factor, scene.quaternions, scene.scales * factor, scene.opacities, scene.harmonics)


def _spz_inputs(scene: Gaussians) -> dict[str, Tensor]:
    """The flat arrays that the release hands to the SPZ library; its quaternions are in the wrong order z w x y."""
    return {
        "spz_input.positions": scene.means,
        "spz_input.scales": (scene.scales + 1e-8).log(),
        "spz_input.rotations": scene.quaternions[:, [3, 0, 1, 2]],
        "spz_input.alphas": scene.opacities.logit(),
        "spz_input.colors": scene.harmonics[:, 0],
        "spz_input.sh": scene.harmonics[:, 1:],
    }


def _compare_decoded(decoded: Gaussians, recorded: dict[str, Tensor]) -> Iterator[Comparison]:
    """Our reader against the library's, on the library's own file."""
    ours = {
        "positions": decoded.means,
        "scales": decoded.scales.log(),
        "rotations": decoded.quaternions[:, [1, 2, 3, 0]],
        "opacities": decoded.opacities,
        "colors": decoded.harmonics[:, 0],
        "sh": decoded.harmonics[:, 1:],
    }
    for name, values in ours.items():
        expected = recorded[f"spz_file_xyzw.decoded_{name}"]
        if name == "rotations":
            sign = torch.sign((values * expected.view_as(values)).sum(-1, keepdim=True))
            values = values * sign
        yield _column_line(f"spz_file_xyzw.decoded_{name}", values.flatten(), expected)


def _column_line(name: str, ours: Tensor, recorded: Tensor) -> Comparison:
    return Comparison(FILE, name, largest_mixed(ours, recorded), COLUMNS)


def _payload_difference(ours: Tensor, recorded: Tensor) -> float:
    """Share of differing bytes; infinite if the size differs or a byte differs by more than one unit."""
    if ours.shape != recorded.shape or (ours.int() - recorded.int()).abs().max() > 1:
        return float("inf")
    return differing(ours, recorded)
