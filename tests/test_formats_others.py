"""Our files in the hands of programs by others: splat-transform (PlayCanvas) and @adobe/spz (Niantic's library).

They need node and `npm ci` in tests/node; the marker `external` selects them.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from programs import ran
from torch.nn.functional import normalize

from flashworld.formats import load, ply, save, spz
from flashworld.gaussians import Gaussians

pytestmark = pytest.mark.external

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    assert (NODE / "node_modules").is_dir(), f"Run `npm ci --ignore-scripts` in {NODE} first."


def random_scene(degree: int, num: int = 500) -> Gaussians:
    generator = torch.Generator().manual_seed(degree)
    return Gaussians(
        means=3 * torch.randn(num, 3, generator=generator),
        quaternions=normalize(torch.randn(num, 4, generator=generator), dim=-1),
        scales=(torch.randn(num, 3, generator=generator) - 3).exp(),
        opacities=torch.rand(num, generator=generator).clamp(0.01, 0.99),
        harmonics=0.3 * torch.randn(num, (degree + 1) ** 2, 3, generator=generator),
    )


def node(*arguments: str | Path) -> None:
    result = ran(["node", *map(str, arguments)], 240, cwd=NODE)
    assert result.returncode == 0, result.stdout + result.stderr


def splat_transform(*arguments: str | Path) -> None:
    node(NODE / "node_modules/@playcanvas/splat-transform/bin/cli.mjs", "--overwrite", *arguments)


def columns_of(csv: Path) -> dict[str, np.ndarray]:
    names = csv.open().readline().strip().split(",")
    return dict(zip(names, np.loadtxt(csv, delimiter=",", skiprows=1, ndmin=2).T, strict=True))


def assert_same_orientations(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> None:
    assert (1 - (ours * theirs).sum(-1).abs()).max() < tolerance


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_splat_transform_reads_our_ply(tmp_path: Path, degree: int):
    scene = random_scene(degree)
    save(scene, tmp_path / "ours.ply", {"generator": "FlashWorld", "prompt": "a lighthouse"})
    splat_transform(tmp_path / "ours.ply", tmp_path / "theirs.csv")
    theirs = columns_of(tmp_path / "theirs.csv")
    expected = ply.columns(ply_axes(scene))
    for column, name in enumerate(ply.property_names(degree)):
        if name not in ("nx", "ny", "nz"):
            np.testing.assert_allclose(theirs[name], expected[:, column], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_splat_transform_reads_our_spz(tmp_path: Path, degree: int):
    """Through its PLY, whose axes it keeps right down front, to what we stored: equal to the step of the format."""
    scene = random_scene(degree)
    save(scene, tmp_path / "ours.spz")
    splat_transform(tmp_path / "ours.spz", tmp_path / "theirs.ply")
    theirs, ours = load(tmp_path / "theirs.ply"), load(tmp_path / "ours.spz")
    torch.testing.assert_close(theirs.means, ours.means, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(theirs.scales, ours.scales, atol=0, rtol=1e-4)
    torch.testing.assert_close(theirs.opacities, ours.opacities, atol=1e-4, rtol=0)
    torch.testing.assert_close(theirs.harmonics, ours.harmonics, atol=1e-4, rtol=0)
    assert_same_orientations(theirs.quaternions, ours.quaternions, 1e-5)
    assert (theirs.means - scene.means).abs().max() <= 2**-13 + 1e-6


def test_we_read_the_compressed_ply_of_splat_transform(tmp_path: Path):
    """It sorts the Gaussians, so it is compared with its own expansion of the same file."""
    save(random_scene(2), tmp_path / "ours.ply")
    splat_transform(tmp_path / "ours.ply", tmp_path / "packed.compressed.ply")
    splat_transform(tmp_path / "packed.compressed.ply", tmp_path / "unpacked.ply")
    packed, unpacked = load(tmp_path / "packed.compressed.ply"), load(tmp_path / "unpacked.ply")
    torch.testing.assert_close(packed.means, unpacked.means, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed.scales, unpacked.scales, atol=0, rtol=1e-4)
    torch.testing.assert_close(packed.opacities, unpacked.opacities, atol=1e-5, rtol=0)
    torch.testing.assert_close(packed.harmonics, unpacked.harmonics, atol=1e-4, rtol=0)
    assert_same_orientations(packed.quaternions, unpacked.quaternions, 1e-5)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_the_format_library_reads_our_spz(tmp_path: Path, degree: int):
    scene = random_scene(degree)
    save(scene, tmp_path / "ours.spz")
    node("adobe_spz.mjs", "read", tmp_path / "ours.spz", tmp_path / "theirs.json")
    theirs = {name: torch.tensor(values) for name, values in json.loads((tmp_path / "theirs.json").read_text()).items()}
    assert (theirs["numPoints"], theirs["shDegree"]) == (len(scene), degree)
    ours = load(tmp_path / "ours.spz")
    torch.testing.assert_close(theirs["positions"].view(-1, 3), ours.means)
    torch.testing.assert_close(theirs["scales"].view(-1, 3).exp(), ours.scales)
    torch.testing.assert_close(theirs["alphas"].sigmoid(), ours.opacities)
    torch.testing.assert_close(theirs["colors"].view(-1, 3), ours.harmonics[:, 0])
    torch.testing.assert_close(theirs["sh"].view(len(scene), -1, 3), ours.harmonics[:, 1:])
    torch.testing.assert_close(theirs["rotations"].view(-1, 4)[:, [3, 0, 1, 2]], ours.quaternions, atol=1e-6, rtol=0)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_payload_equals_the_format_library_byte_for_byte(tmp_path: Path, degree: int):
    """Except where the way over logits and logarithms puts a value on the other side of a rounding edge."""
    scene = random_scene(degree)
    flat = {
        "positions": scene.means,
        "scales": scene.scales.log(),
        "rotations": scene.quaternions[:, [1, 2, 3, 0]],
        "alphas": scene.opacities.logit(),
        "colors": scene.harmonics[:, 0],
        "sh": scene.harmonics[:, 1:],
    }
    given = {"numPoints": len(scene), "shDegree": degree} | {
        name: part.flatten().tolist() for name, part in flat.items()
    }
    (tmp_path / "scene.json").write_text(json.dumps(given))
    node("adobe_spz.mjs", "write", tmp_path / "scene.json", tmp_path / "theirs.spz")
    theirs = np.frombuffer(gzip.decompress((tmp_path / "theirs.spz").read_bytes()), np.uint8)
    ours = spz.encode(scene)
    different = ours != theirs
    assert different.mean() <= 1e-4
    assert np.abs(ours[different].astype(int) - theirs[different]).max(initial=0) <= 1


def ply_axes(scene: Gaussians) -> Gaussians:
    """The scene in right-down-front axes, by the general rotation of harmonics instead of the writer's sign changes."""
    from flashworld.geometry import Similarity

    turned = scene.transformed(Similarity(torch.tensor([0.0, 1.0, 0.0, 0.0]), torch.zeros(3), torch.ones(())))
    # A half turn of the Gaussian about its own x axis changes nothing that can be seen.
    w, x, y, z = scene.quaternions.unbind(-1)
    return Gaussians(turned.means, torch.stack([w, x, -y, -z], -1), turned.scales, turned.opacities, turned.harmonics)
