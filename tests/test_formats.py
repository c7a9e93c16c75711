"""Scenes in files: round trips to each format's precision, axes, damage, files that appear whole or not at all."""

import contextlib
import gzip
import os
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from flashworld.errors import Cancelled, FormatError
from flashworld.events import Progress
from flashworld.formats import axes, inspect, load, ply, save, spz
from flashworld.gaussians import Gaussians
from flashworld.geometry import Similarity, harmonics, matrix_from_quaternion, quaternion_from_matrix
from flashworld.publish import published

REFERENCE = Path(__file__).parent / "reference"


def random_scene(num: int = 300, degree: int = 2, seed: int = 0) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)
    return Gaussians(
        means=3 * torch.randn(num, 3, generator=generator),
        quaternions=normalize(torch.randn(num, 4, generator=generator), dim=-1),
        scales=(torch.randn(num, 3, generator=generator) - 3).exp(),
        opacities=torch.rand(num, generator=generator).clamp(0.001, 0.999),
        harmonics=0.3 * torch.randn(num, (degree + 1) ** 2, 3, generator=generator),
    )


def covariances(scene: Gaussians) -> torch.Tensor:
    half = matrix_from_quaternion(scene.quaternions) * scene.scales[:, None]
    return half @ half.mT


def assert_same_scene(actual: Gaussians, expected: Gaussians, tolerance: float = 1e-5) -> None:
    for name in ("means", "scales", "opacities", "harmonics"):
        torch.testing.assert_close(getattr(actual, name), getattr(expected, name), atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(covariances(actual), covariances(expected), atol=tolerance, rtol=1e-4)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("given_axes", [None, "right up back", "left-up-front", "right front up"])
def test_ply_round_trip(tmp_path: Path, degree: int, given_axes: str | None):
    scene = random_scene(degree=degree)
    assert save(scene, tmp_path / "a.ply", axes=given_axes) == len(scene)
    assert_same_scene(load(tmp_path / "a.ply"), scene)


def test_usual_axes_restore_every_bit_of_centres_and_harmonics(tmp_path: Path):
    scene = random_scene()
    save(scene, tmp_path / "a.ply")
    again = load(tmp_path / "a.ply")
    assert torch.equal(again.means, scene.means)
    assert torch.equal(again.harmonics, scene.harmonics)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("words", ["right down front", "left up front", "left down back"])
def test_changing_signs_equals_turning(degree: int, words: str):
    scene, matrix = random_scene(degree=degree), axes.file_from_inside(words)
    general = scene.transformed(Similarity(quaternion_from_matrix(matrix), torch.zeros(3), torch.ones(())))
    quick = axes.turned(scene, matrix)
    assert_same_scene(quick, general)
    assert torch.equal(axes.turned(quick, matrix).quaternions, scene.quaternions)


@pytest.mark.parametrize("words", ["", "right up", "right up front", "right right up", "up down back", "x y z"])
def test_axes_that_no_rotation_reaches_are_refused(tmp_path: Path, words: str):
    with pytest.raises(FormatError, match="right-handed"):
        save(random_scene(), tmp_path / "a.ply", axes=words or " ")
    assert not list(tmp_path.iterdir())


def test_ply_holds_a_point_right_below_and_in_front(tmp_path: Path):
    """Ours: x right, y up, z back. In the file: x right, y down, z front."""
    scene = random_scene(1)
    scene.means[0] = torch.tensor([1.0, -2.0, -3.0])
    save(scene, tmp_path / "a.ply")
    data = (tmp_path / "a.ply").read_bytes()
    assert struct.unpack("<3f", data.split(b"end_header\n")[1][:12]) == (1, 2, 3)
    assert b"comment axes right down front\n" in data
    assert load(tmp_path / "a.ply", axes="right up back").means[0].tolist() == [1, 2, 3]


def test_ply_holds_the_columns_of_the_release(reference):
    """The release's values, under the names and in the order that viewers expect, before any change of axes."""
    recorded = reference("export")
    scene = Gaussians.from_vectors(recorded["gaussians"])
    table, theirs = torch.from_numpy(ply.columns(scene)), recorded["ply_unpruned.columns"]
    column = {name: table[:, i] for i, name in enumerate(ply.property_names(2))}
    for i, name in enumerate(["x", "y", "z"]):
        torch.testing.assert_close(column[name], theirs[:, i])
    for k in range(9):
        for colour in range(3):
            name = f"f_dc_{colour}" if k == 0 else f"f_rest_{8 * colour + k - 1}"
            torch.testing.assert_close(column[name], theirs[:, 3 + 3 * k + colour])
    for i, name in enumerate(["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]):
        limit = torch.tensor(ply.MAX_OPACITY).logit()
        expected = theirs[:, 30 + i].clamp(-limit, limit) if name == "opacity" else theirs[:, 30 + i]
        torch.testing.assert_close(column[name], expected, atol=1e-5, rtol=1e-5)


def test_spz_payload_equals_the_recorded_one(reference):
    recorded = reference("export")
    scene = Gaussians.from_vectors(recorded["gaussians"]).pruned(float(recorded["opacity_threshold"]))
    unit = float(recorded["T_norm"])
    scene = Gaussians(scene.means * unit, scene.quaternions, scene.scales * unit, scene.opacities, scene.harmonics)
    assert spz.encode(scene).tobytes() == recorded["spz_file_xyzw.payload"].numpy().tobytes()


def test_spz_reads_what_the_library_decodes(reference):
    recorded = {name.partition(".")[2]: value for name, value in reference("export").items() if "spz_file_xyzw" in name}
    scene = spz.decode(recorded["payload"].numpy())
    torch.testing.assert_close(scene.means.flatten(), recorded["decoded_positions"])
    torch.testing.assert_close(scene.quaternions[:, [1, 2, 3, 0]].flatten(), recorded["decoded_rotations"])
    torch.testing.assert_close(scene.scales.log().flatten(), recorded["decoded_scales"])
    torch.testing.assert_close(scene.opacities, recorded["decoded_opacities"])
    torch.testing.assert_close(scene.harmonics[:, 0].flatten(), recorded["decoded_colors"])
    torch.testing.assert_close(scene.harmonics[:, 1:].flatten(), recorded["decoded_sh"])


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_spz_round_trip_to_half_a_step(tmp_path: Path, degree: int):
    scene = random_scene(1000, degree)
    scene.harmonics[:, 1:].clamp_(-0.9, 0.9)
    save(scene, tmp_path / "a.spz")
    again = load(tmp_path / "a.spz")
    assert (again.means - scene.means).abs().max() <= 2**-13
    assert (again.opacities - scene.opacities).abs().max() <= 0.5001 / 255
    assert (again.scales.log() - scene.scales.clamp(min=4.54e-5).log()).abs().max() <= 0.5001 / 16
    assert (again.harmonics[:, 0] - scene.harmonics[:, 0]).abs().max() <= 0.5001 / (255 * 0.15)
    difference = (again.harmonics - scene.harmonics).abs() * 128
    assert bool((difference[:, 1:4] <= 4.5).all())
    assert bool((difference[:, 4:] <= 8.5).all())
    assert (1 - (again.quaternions * scene.quaternions).sum(-1).abs()).max() <= 3e-6


def test_what_spz_holds_is_written_again_without_change():
    """Except a quaternion whose two largest components are equal after rounding: either may be the omitted one."""
    first = spz.encode(random_scene(1000))
    second = spz.encode(spz.decode(first))
    sizes = spz.row_bytes(2)
    start = spz.HEADER.size + 1000 * (sum(sizes.values()) - sizes["quaternions"] - sizes["rest"])
    rest = start + 1000 * sizes["quaternions"]
    assert np.array_equal(first[:start], second[:start])
    assert np.array_equal(first[rest:], second[rest:])
    assert (first[start:rest] != second[start:rest]).mean() < 0.01
    assert_same_scene(spz.decode(second), spz.decode(first), tolerance=1e-3)


@given(st.floats(-40, 22.9), st.integers(0, 2**32 - 1))
def test_spz_keeps_small_and_large_scenes(exponent: float, seed: int):
    """A coordinate is wrong by at most an 8,000th of the farthest one, from 2^-11 units to the format's end."""
    means = torch.rand(20, 3, generator=torch.Generator().manual_seed(seed)) * 2**exponent
    scene = random_scene(20)
    scene = Gaussians(means, scene.quaternions, scene.scales, scene.opacities, scene.harmonics)
    farthest = float(means.max())
    error = (spz.decode(spz.encode(scene)).means - means).abs().max()
    assert error <= max(farthest, spz.SMALLEST_SCENE) / 8000
    if 1 <= farthest < 2047:
        assert spz.fractional_bits(means) == 12


def test_spz_says_when_a_scene_is_too_large(tmp_path: Path):
    scene = random_scene(3)
    scene.means[1, 2] = 1e8
    with pytest.raises(FormatError, match="Use PLY"):
        save(scene, tmp_path / "a.spz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [("scales", 1000, "to 379 units"), ("scales", 1e-6, "beyond 0.000045"), ("means", 4.5e6, "rounded to 1 units")],
)
def test_spz_warns_of_what_it_loses(tmp_path: Path, part: str, value: float, told: str, caplog):
    scene = random_scene(50)
    save(scene, tmp_path / "a.spz")
    assert not caplog.records
    getattr(scene, part)[0] = value
    save(scene, tmp_path / "a.spz")
    (record,) = caplog.records
    assert (record.levelname, told in record.message, "Use PLY" in record.message) == ("WARNING", True, True)


def test_spz_version_2_keeps_its_older_quaternions():
    """Three bytes x y z; w follows from the length."""
    wxyz = normalize(torch.tensor([[0.5, 0.1, -0.7, 0.3], [1.0, 0.0, 0.0, 0.0]]), dim=-1)
    body = np.round((wxyz[:, 1:].numpy() + 1) * 127.5).astype(np.uint8).tobytes()
    header = spz.HEADER.pack(spz.MAGIC, 2, 2, 0, 12, 0, 0)
    payload = header + bytes(2 * 9) + bytes([255] * 2) + bytes([128] * 6) + bytes([160] * 6) + body
    scene = spz.decode(np.frombuffer(payload, np.uint8))
    torch.testing.assert_close(scene.quaternions, wxyz, atol=0.01, rtol=0)
    assert torch.equal(scene.scales, torch.ones(2, 3))


def test_gaussians_that_nobody_can_draw_are_left_out(tmp_path: Path):
    scene = random_scene(6)
    scene.means[1, 0], scene.scales[2, 1], scene.harmonics[3, 4, 2] = torch.nan, torch.inf, -torch.inf
    for name in ("a.ply", "a.spz"):
        assert save(scene, tmp_path / name) == 3
        torch.testing.assert_close(load(tmp_path / name).means, scene.means[[0, 4, 5]], atol=2**-12, rtol=0)


def test_extreme_values_stay_finite(tmp_path: Path):
    scene = random_scene(4)
    scene.opacities[:] = torch.tensor([0.0, 1.0, -0.5, 7.0])
    scene.scales[0], scene.scales[1], scene.quaternions[2], scene.harmonics[3] = 0, 1e30, 0, 1e6
    save(scene, tmp_path / "a.ply")
    table = np.frombuffer((tmp_path / "a.ply").read_bytes().split(b"end_header\n")[1], "<f4")
    assert np.isfinite(table).all()
    torch.testing.assert_close(load(tmp_path / "a.ply").opacities, torch.tensor([0.0, 1, 0, 1]), atol=2e-6, rtol=0)
    save(scene, tmp_path / "a.spz")
    assert load(tmp_path / "a.spz").scales[1].tolist() == pytest.approx([379.0] * 3, rel=1e-3)


def test_an_empty_scene_is_a_scene(tmp_path: Path):
    for name in ("a.ply", "a.spz"):
        assert save(random_scene(0), tmp_path / name) == 0
        assert len(load(tmp_path / name)) == 0
        assert inspect(tmp_path / name).bounds_min is None


def test_scenes_in_other_dtypes_and_larger_than_a_block(tmp_path: Path):
    scene = random_scene(70_000, degree=0)
    reports: list[Progress] = []
    save(scene.to(torch.float64), tmp_path / "a.ply", report=reports.append)
    assert [progress.done for progress in reports] == [16384, 32768, 49152, 65536, 70000]
    assert_same_scene(load(tmp_path / "a.ply"), scene)
    save(scene.to(torch.bfloat16), tmp_path / "a.spz")
    assert (load(tmp_path / "a.spz").means - scene.means).abs().max() < 0.1


def test_inspect(tmp_path: Path):
    scene = random_scene(10)
    save(scene, tmp_path / "a.ply", {"generator": "FlashWorld 0.1", "prompt": "a\nend_header\n house  für uns"})
    info = inspect(tmp_path / "a.ply")
    assert (info.format, info.num_gaussians, info.degree) == ("PLY", 10, 2)
    assert (info.axes, info.axes_stated) == ("right down front", True)
    assert info.provenance == {"generator": "FlashWorld 0.1", "prompt": "a end_header house f\\xfcr uns"}
    assert info.num_bytes == (tmp_path / "a.ply").stat().st_size
    assert info.bounds_min[0] == pytest.approx(float(scene.means[:, 0].min()))
    assert info.bounds_min[1] == pytest.approx(-float(scene.means[:, 1].max()))
    save(scene, tmp_path / "a.spz")
    assert (inspect(tmp_path / "a.spz").format, inspect(tmp_path / "a.spz").axes) == ("SPZ 3", "right up back")


def foreign_ply(scene: Gaussians, order: str) -> bytes:
    """A file as another program may write it: other order and types, strange columns, a mesh after the points."""
    table = dict(zip(ply.property_names(scene.degree), ply.columns(scene).T, strict=True))
    names = sorted(set(table) - {"nx", "ny", "nz"}, reverse=True)
    types = {name: ("double", "f8") if name in "xyz" else ("float32", "f4") for name in names}
    properties = [f"property {types[name][0]} {name}" for name in names]
    properties.insert(3, "property uchar label")
    columns = [(name, order + types[name][1]) for name in names]
    columns.insert(3, ("label", "u1"))
    rows = np.zeros(len(scene), columns)
    for name in names:
        rows[name] = table[name]
    ends = {"<": "binary_little_endian", ">": "binary_big_endian"}
    lines = ["ply", f"format {ends[order]} 1.0", "comment made elsewhere", "element note 2", "property short a"]
    lines += [f"element vertex {len(scene)}", *properties, "element face 1", "property list uchar int vertex_indices"]
    face = b"\x03" + bytes(12)
    return "\r\n".join([*lines, "end_header", ""]).encode() + bytes(4) + rows.tobytes() + face


@pytest.mark.parametrize("order", ["<", ">"])
def test_ply_of_other_programs(tmp_path: Path, order: str):
    scene = random_scene()
    (tmp_path / "a.ply").write_bytes(foreign_ply(scene, order))
    assert_same_scene(load(tmp_path / "a.ply", axes="right up back"), scene)
    assert not inspect(tmp_path / "a.ply").axes_stated


def test_splat(tmp_path: Path):
    row = struct.pack("<6f8B", 1, 2, 3, 0.1, 0.2, 0.3, 255, 0, 128, 51, 128, 255, 128, 128)
    (tmp_path / "a.splat").write_bytes(row * 2)
    scene = load(tmp_path / "a.splat")
    assert scene.means[1].tolist() == [1, -2, -3]
    assert scene.opacities[0] == pytest.approx(0.2)
    colour = 0.5 + scene.harmonics[0] * harmonics.basis(torch.tensor([0.0, 0, 1]), 0)
    torch.testing.assert_close(colour, torch.tensor([[1, 0, 128 / 255]]))
    assert scene.quaternions[0].tolist() == [0, 1, 0, 0]
    (tmp_path / "a.splat").write_bytes(row[:-1])
    with pytest.raises(FormatError, match="truncated"):
        load(tmp_path / "a.splat")


def test_compressed_ply():
    """Written by splat-transform 2.7.1 from `random_scene()`, which it sorted; equal to the steps of that format."""
    packed, scene = load(REFERENCE / "splat_transform.compressed.ply"), random_scene()
    scene = scene[torch.cdist(packed.means, scene.means).argmin(dim=1)]
    assert inspect(REFERENCE / "splat_transform.compressed.ply").format == "compressed PLY"
    assert (packed.means - scene.means).abs().max() < 0.02
    assert (packed.opacities - scene.opacities).abs().max() < 0.003
    assert (packed.scales.log() - scene.scales.log()).abs().max() < 0.006
    assert (packed.harmonics[:, 0] - scene.harmonics[:, 0]).abs().max() < 0.01
    assert (packed.harmonics[:, 1:] - scene.harmonics[:, 1:]).abs().max() <= 4.001 / 256
    # The quaternion's y and z change sign with the axes, so the same orientation may come with another sign.
    assert (1 - (packed.quaternions * scene.quaternions).sum(-1).abs()).max() < 1e-5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"element chunk 2", b"element chunk 1"),
        (b"element sh 300", b"element sh 299"),
        (b"float min_x", b"float other"),
        (b"float max_scale_z", b"float max_scale_q"),
        (b"uint packed_color", b"float packed_color"),
        (b"uint packed_scale", b"uint packed_other"),
        (b"property uchar f_rest_23\n", b""),
        (b"uchar f_rest_23\n", b"uchar f_rest_99\n"),
        (b"".join(b"property uchar f_rest_%d\n" % i for i in range(24)), b""),
        (b"uchar f_rest_7\n", b"ushort f_rest_7\n"),
        (b"uchar f_rest_7\n", b"float f_rest_7\n"),
        (b"uchar f_rest_7\n", b"char f_rest_7\n"),
    ],
)
def test_damaged_compressed_ply(tmp_path: Path, old: bytes, new: bytes):
    content = (REFERENCE / "splat_transform.compressed.ply").read_bytes()
    assert old in content
    # Long enough for any of these headers, so that no file is refused for being short.
    (tmp_path / "a.ply").write_bytes(content.replace(old, new) + bytes(len(content)))
    with pytest.raises(FormatError):
        load(tmp_path / "a.ply")


PLY = "ply\nformat binary_little_endian 1.0\nelement vertex {}\nproperty float x\nend_header\n"
DAMAGED_PLY = {
    "empty": b"",
    "not ply": b"solid cube\n",
    "ascii": b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n",
    "no format": b"ply\nelement vertex 0\nend_header\n",
    "no end": b"ply\nformat binary_little_endian 1.0\n",
    "endless line": b"ply\n" + b"x" * (2 << 20),
    "bomb": PLY.format(10**12).encode(),
    "larger bomb": PLY.format(10**30).encode(),
    "too many digits": PLY.format("1" * 5000).encode(),
    "negative": PLY.format(-1).encode(),
    "not a number": PLY.format("many").encode(),
    "other digits": PLY.format("٣").encode(),
    "no vertices": b"ply\nformat binary_little_endian 1.0\nend_header\n",
    "only lists": b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty list uchar int v\nend_header\n",
    "points only": PLY.format(0).encode(),
    "unknown type": PLY.format(0).replace("float", "quad").encode(),
    "doubled property": PLY.format(0).replace("end", "property float x\nend", 1).encode(),
    "odd harmonics": PLY.format(0).replace("end", "property float f_rest_0\nend", 1).encode(),
    "property without name": PLY.format(0).replace("float x", "float").encode(),
}


@pytest.mark.parametrize("content", DAMAGED_PLY.values(), ids=DAMAGED_PLY)
def test_damaged_ply(tmp_path: Path, content: bytes):
    (tmp_path / "a.ply").write_bytes(content)
    with pytest.raises(FormatError):
        load(tmp_path / "a.ply")


def header_of(version: int = 3, num: int = 1, degree: int = 0, bits: int = 12) -> bytes:
    return spz.HEADER.pack(spz.MAGIC, version, num, degree, bits, 0, 0)


DAMAGED_SPZ = {
    "empty": b"",
    "not gzip": b"ply\n" * 10,
    "version 4 without gzip": header_of(4) + bytes(100),
    "not spz": gzip.compress(bytes(100)),
    "short header": gzip.compress(header_of()[:10]),
    "version 1": gzip.compress(header_of(1) + bytes(100)),
    "version 9": gzip.compress(header_of(9) + bytes(100)),
    "degree 9": gzip.compress(header_of(degree=9) + bytes(100)),
    "bits": gzip.compress(header_of(bits=99) + bytes(100)),
    "fewer Gaussians": gzip.compress(header_of(num=7) + bytes(100)),
    "bomb": gzip.compress(header_of(num=2**32 - 1) + bytes(100)),
    "cut": gzip.compress(header_of() + bytes(range(20)))[:-12],
    "wrong checksum": gzip.compress(header_of() + bytes(20))[:-8] + bytes(8),
}


@pytest.mark.parametrize("content", DAMAGED_SPZ.values(), ids=DAMAGED_SPZ)
def test_damaged_spz(tmp_path: Path, content: bytes):
    (tmp_path / "a.spz").write_bytes(content)
    with pytest.raises(FormatError):
        load(tmp_path / "a.spz")


@pytest.mark.parametrize("name", ["a.ply", "a.spz"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, name: str):
    save(random_scene(2, degree=0), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for length in range(len(content)):
        (tmp_path / name).write_bytes(content[:length])
        with pytest.raises(FormatError):
            load(tmp_path / name)


def test_a_ply_that_promises_too_much_takes_no_memory(tmp_path: Path):
    save(random_scene(2), tmp_path / "a.ply")
    content = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(content.replace(b"element vertex 2\n", b"element vertex 1000000000000\n"))
    with pytest.raises(FormatError, match="truncated: its header promises 164,0"):
        load(tmp_path / "a.ply")


@given(st.data())
def test_no_damage_ends_in_anything_but_our_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    """Cut anywhere and with any byte changed: a scene, or one sentence."""
    folder = tmp_path_factory.mktemp("damage")
    for name in ("a.ply", "a.spz"):
        save(random_scene(3), folder / name)
        content = bytearray((folder / name).read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (folder / name).write_bytes(content[: data.draw(st.integers(0, len(content)))])
        with contextlib.suppress(FormatError):
            load(folder / name)


@pytest.mark.parametrize("name", ["a.obj", "a", "a.splat"])
def test_other_suffixes_are_not_written(tmp_path: Path, name: str):
    with pytest.raises(FormatError, match=r"\.ply, \.spz"):
        save(random_scene(), tmp_path / name)


def test_missing_files_and_folders_are_told_in_a_sentence(tmp_path: Path):
    with pytest.raises(FormatError, match="no such file"):
        load(tmp_path / "a.ply")
    with pytest.raises(FormatError, match="there is no folder"):
        save(random_scene(), tmp_path / "missing" / "a.ply")
    (tmp_path / "folder.ply").mkdir()
    with pytest.raises(FormatError, match="a folder has that name"):
        save(random_scene(), tmp_path / "folder.ply")
    with pytest.raises(FormatError, match="is a directory"):
        load(tmp_path / "folder.ply")


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path):
    def fails_to_write() -> None:
        with published(tmp_path / "a.ply"), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(FormatError, match="no space left"):
        fails_to_write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stem", ["世" * 80, "🌎" * 62, "x" * 251], ids=["three bytes", "four bytes", "one byte"])
def test_names_may_be_as_long_as_the_disk_allows_and_no_longer(tmp_path: Path, stem: str):
    assert save(random_scene(), tmp_path / f"{stem}.ply")
    with pytest.raises(FormatError, match="name too long"):
        save(random_scene(), tmp_path / f"{stem * 2}.ply")
    assert [path.stem for path in tmp_path.iterdir()] == [stem]


def test_a_cancelled_write_keeps_the_earlier_file(tmp_path: Path):
    def cancel(_progress: Progress) -> None:
        raise Cancelled

    save(random_scene(5), tmp_path / "a.ply")
    for name in ("a.ply", "a.spz"):
        with pytest.raises(Cancelled):
            save(random_scene(50), tmp_path / name, report=cancel)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]
    assert len(load(tmp_path / "a.ply")) == 5


def test_files_have_the_usual_permissions(tmp_path: Path):
    save(random_scene(), tmp_path / "a.ply")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a.ply").stat().st_mode) == 0o666 & ~mask


def test_the_same_scene_gives_the_same_bytes(tmp_path: Path):
    for name in ("a.ply", "b.ply", "a.spz", "b.spz"):
        save(random_scene(), tmp_path / name, {"seed": "1"})
    for suffix in (".ply", ".spz"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_gzip_of_many_parts_is_one_member(tmp_path: Path):
    """Some readers stop after a file's first gzip member."""
    scene = random_scene(60_000)
    save(scene, tmp_path / "a.spz")
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    payload = reader.decompress((tmp_path / "a.spz").read_bytes())
    assert reader.eof
    assert not reader.unused_data
    assert payload == spz.encode(scene).tobytes()
