"""The command line as a person uses it: what it writes, what it says, how it fails."""

import io
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from programs import ran
from rendering_scenes import scene as random_scene

from flashworld.apps import cli
from flashworld.cameras.files import read_path
from flashworld.cameras.templates import TEMPLATES
from flashworld.formats import inspect, save
from flashworld.generation import read_record

REFERENCE = Path(__file__).parent / "reference"
SMALL = ["--size", "64x96", "--frames", "3", "--model", "tiny", "--seed", "3"]


def run(*arguments: str | Path) -> Result:
    """A command that must not fail unexpectedly: whatever would end in a traceback is raised here."""
    return CliRunner().invoke(cli.flashworld, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with one generated scene, `photo`."""
    folder = tmp_path_factory.mktemp("made")
    ramp = np.linspace(0, 255, 120 * 80, dtype=np.uint8).reshape(80, 120)
    Image.fromarray(ramp).save(folder / "photo.png")
    result = run(
        "generate", "--image", folder / "photo.png", "--prompt", "a ramp", "--trajectory", "orbit-left",
        "--depth", "--ply", "--spz", "--video", "--video-fps", "4", "--output", folder, *SMALL,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return folder


def test_generate_writes_every_file_and_says_so(made):
    import av

    assert inspect(made / "photo.ply").num_gaussians == inspect(made / "photo.spz").num_gaussians > 0
    with av.open(str(made / "photo.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 2 * 4 + 1
    assert frames[0].shape == (64, 96, 3)
    depth = np.load(made / "photo_depth.npz")["depth"]
    assert depth.shape == (3, 64, 96)
    assert np.isfinite(depth).all()
    request = read_record((made / "photo.json").read_bytes()).request
    assert (request.seed, request.resolution, request.text_prompt) == (3, (3, 64, 96), "a ramp")


def test_a_record_makes_the_same_files_again(made, tmp_path):
    result = run("generate", made / "photo.json", "--ply", "--model", "tiny", "--output", tmp_path)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "photo.ply").read_bytes() == (made / "photo.ply").read_bytes()
    assert not (tmp_path / "photo.spz").exists()


def test_a_trained_model_is_not_called_untrained(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    result = run("generate", made / "photo.json", "--spz", "--model", "tiny", "--output", folder)
    assert result.exit_code == 0, result.output
    assert "untrained" not in result.output
    assert "untrained" not in inspect(made / "photo.ply").provenance["model"]


def test_a_folder_goes_on_after_a_bad_file_and_ends_with_a_table(made, tmp_path):
    requests = tmp_path / "requests"
    requests.mkdir()
    (requests / "a.json").write_text('{"cameras": []}')
    (requests / "b.json").write_bytes((made / "photo.json").read_bytes())
    (requests / "c.json").write_text("no json")
    (requests / "notes.txt").write_text("no request")
    result = run("generate", requests, "--spz", "--model", "tiny", "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert (tmp_path / "out/b.spz").is_file()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.json", "b.spz"]
    assert "1 of 3 requests became scenes" in result.output
    assert result.output.count("failed") == 2


@pytest.mark.slow
def test_native_size_is_said_in_one_line_and_exact_size_forces(tmp_path):
    arguments = [
        "generate",
        "--prompt",
        "x",
        "--trajectory",
        "left",
        "--size",
        "128x192",
        "--frames",
        "2",
        "--seed",
        "1",
    ]
    native = run(*arguments, "--model", "tiny", "--ply", "--output", tmp_path / "a")
    assert [line for line in native.output.splitlines() if "works with" in line]
    exact = run(*arguments, "--model", "tiny", "--ply", "--exact-size", "--output", tmp_path / "b")
    assert "works with" not in exact.output
    record = json.loads((tmp_path / "b/x.json").read_text())
    assert record["work"] == [2, 128, 192]
    assert record["request"]["resolution"] == [2, 128, 192]


def test_render_writes_a_video_or_pictures(made, tmp_path):
    path = ["--trajectory", "crane-up", "--frames", "2", "--size", "32x48"]
    assert run("render", made / "photo.spz", *path, "--output", tmp_path / "v.mp4").exit_code == 0
    assert (tmp_path / "v.mp4").stat().st_size > 0
    assert run("render", made / "photo.ply", *path, "--output", tmp_path / "frames").exit_code == 0
    assert [Image.open(p).size for p in sorted((tmp_path / "frames").glob("*.png"))] == [(48, 32), (48, 32)]


def test_render_follows_the_path_of_a_record(made, tmp_path):
    result = run("render", made / "photo.ply", "--trajectory", made / "photo.json", "--size", "64x96",
                 "--output", tmp_path / "frames")  # fmt: skip
    assert result.exit_code == 0, result.output
    import av

    with av.open(str(made / "photo.mp4")) as video:
        first = next(video.decode(video=0)).to_ndarray(format="rgb24").astype(float)
    ours = np.asarray(Image.open(tmp_path / "frames/0000.png")).astype(float)
    assert np.abs(ours - first).mean() < 4  # the video is compressed


def test_convert_and_info(made, tmp_path):
    assert run("convert", made / "photo.ply", tmp_path / "b.spz").exit_code == 0
    assert run("convert", tmp_path / "b.spz", tmp_path / "c.ply", "--target-axes", "right up back").exit_code == 0
    facts = json.loads(run("info", tmp_path / "c.ply", "--json").output)
    assert facts["num_gaussians"] == inspect(made / "photo.ply").num_gaussians
    assert facts["axes"] == "right up back"
    assert "Gaussians" in run("info", made / "photo.ply").output


def test_convert_leaves_out_what_is_hardly_seen(tmp_path):
    scene = random_scene(0)
    save(scene, tmp_path / "all.ply")
    assert run("convert", tmp_path / "all.ply", tmp_path / "some.ply", "--min-opacity", "0.6").exit_code == 0
    kept = inspect(tmp_path / "some.ply").num_gaussians
    assert kept == (scene.opacities >= 0.6).sum()
    assert 0 < kept < len(scene.opacities)


@pytest.mark.parametrize("name", TEMPLATES)
def test_trajectory_prints_a_path_that_is_read_again(name, tmp_path):
    result = run("trajectory", name, "--frames", "4", "--fov", "60")
    assert result.exit_code == 0
    (tmp_path / "path.json").write_text(result.output)
    assert len(read_path(tmp_path / "path.json")) == 4


def test_trajectory_lists_templates_and_writes_other_formats(tmp_path):
    assert all(name in run("trajectory").output for name in TEMPLATES)
    assert run("trajectory", "spiral", "--output", tmp_path / "transforms.json").exit_code == 0
    assert run("trajectory", "spiral", "--output", tmp_path / "colmap").exit_code == 0
    ours, theirs = read_path(tmp_path / "transforms.json"), read_path(tmp_path / "colmap")
    np.testing.assert_allclose(ours.positions, theirs.positions, atol=1e-5)


def test_doctor_names_model_and_rasteriser():
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert all(word in result.output for word in ("model", "rasteriser numba", "torch"))
    plans = [line for line in result.output.splitlines() if " plan " in line]
    assert [line.split()[2] for line in plans] == ["resident", "24GB", "16GB", "12GB", "8GB"]
    assert all(re.search(r"\d+\.\d GiB, about \d", line) for line in plans)


def test_doctor_looks_at_the_disk_of_a_home_that_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "no/such/home"))
    monkeypatch.setenv("FLASHWORLD_CACHE", str(tmp_path))
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert f"GB free in {tmp_path} " in result.output


def test_what_a_terminal_cannot_show_is_a_question_mark(tmp_path, monkeypatch):
    save(random_scene(0), tmp_path / "a.ply")
    for encoding, words, shown in (
        ("cp1252", ["doctor"], b"? rasteriser numba"),
        ("utf-8", ["convert", str(tmp_path / "a.ply"), str(tmp_path / "c\udcff.spz")], b"c?.spz: "),
    ):
        terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(sys, "argv", ["flashworld", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        terminal.flush()
        assert shown in terminal.buffer.getvalue()


def test_a_memory_plan_is_named_or_refused(tmp_path):
    request = ["generate", "--prompt", "x", "--trajectory", "forward", *SMALL, "--ply", "--output", tmp_path]
    refused = run(*request, "--plan", "2GB")
    assert refused.exit_code == 1
    assert "no memory plan '2GB'; use auto or one of: resident, 24GB" in refused.output
    told = run(*request, "--plan", "8gb")
    assert told.exit_code == 0, told.output
    assert "Memory: the options for it change nothing here" in told.output


def fill_cache(folder: Path) -> list[Path]:
    """20 MB of files such as the program makes, half written ones among them."""
    key = "0123456789abcdef" * 2
    names = [
        f"fp8/{key}-row-bfloat16-1.safetensors",
        f"fp8/.{key}-row-bf.01234567.part",
        f"prompts/{key}-torch.float32/empty-prompt.safetensors",
        f"prompts/{key}-torch.float32/.empty-prompt.safetensors.01234567.part",
    ]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(5_000_000))
    return [folder / name for name in names]


def test_the_cache_is_told_and_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("FLASHWORLD_CACHE", str(tmp_path / "cache"))
    fill_cache(tmp_path / "cache")
    assert "0.02 GB in " in run("cache").output
    assert "Removed 0.02 GB" in run("cache", "--clear").output
    assert not list((tmp_path / "cache").iterdir())
    assert "0.00 GB" in run("cache").output
    assert "Removed 0.00 GB" in run("cache", "--clear").output


def test_clearing_the_cache_spares_the_files_of_others_and_follows_links(tmp_path, monkeypatch):
    monkeypatch.setenv("FLASHWORLD_CACHE", str(tmp_path / "link"))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    ours = fill_cache(tmp_path / "real")
    theirs = [tmp_path / "real" / name for name in ("thesis.txt", "fp8/flux.safetensors", "prompts/mine/a.txt")]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(9_000_000))
    assert "0.02 GB in " in run("cache").output
    assert "Removed 0.02 GB" in run("cache", "--clear").output
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in theirs)
    assert (tmp_path / "link").is_symlink()


def test_a_cache_that_cannot_be_removed_is_told(tmp_path, monkeypatch):
    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("FLASHWORLD_CACHE", str(tmp_path))
    kept = fill_cache(tmp_path)
    monkeypatch.setattr(Path, "unlink", refuse)
    ended = run("cache", "--clear")
    assert ended.exit_code == 1
    assert f"Cannot remove {kept[0]}: permission denied" in ended.stderr
    assert "Removed" not in ended.output.replace(ended.stderr, "")


def test_parity_passes_on_the_reference_and_fails_on_other_numbers(tmp_path):
    from safetensors.torch import load_file, save_file

    for name in ("cameras", "fp8"):
        (tmp_path / f"{name}.safetensors").write_bytes((REFERENCE / f"{name}.safetensors").read_bytes())
    good = run("parity", tmp_path)
    assert good.exit_code == 0, good.output
    cameras = load_file(tmp_path / "cameras.safetensors")
    cameras["raymap.out"][0, 0, 0, 0, 3] += 1e-3
    save_file(cameras, tmp_path / "cameras.safetensors")
    bad = run("parity", tmp_path)
    assert bad.exit_code == 1
    assert "FALLS SHORT" in bad.output


def test_a_folder_skips_what_is_no_file_and_ends_with_a_table_of_one(made, tmp_path):
    (tmp_path / "requests/folder.json").mkdir(parents=True)
    (tmp_path / "requests/a.b.json").write_bytes((made / "photo.json").read_bytes())
    result = run("generate", tmp_path / "requests", "--spz", "--model", "tiny", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "1 of 1 requests became scenes" in result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.b.json", "a.b.spz"]


def test_a_request_is_never_replaced_by_its_record(made, tmp_path):
    (tmp_path / "a.json").write_bytes((made / "photo.json").read_bytes())
    for source in (tmp_path, tmp_path / "a.json"):
        ended = run("generate", source, "--model", "tiny", "--output", tmp_path)
        assert ended.exit_code == 2
        assert "another --output" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("image", "trajectory", "replaced"),
    [
        ("photo.png", "photo.json", "photo.json"),
        ("transforms.png", "transforms.json", "transforms.json"),
        ("photo.ply", "other.json", "photo.ply"),
    ],
)
def test_a_picture_or_its_path_is_never_replaced_by_a_file_of_the_scene(image, trajectory, replaced, made, tmp_path):
    (tmp_path / image).write_bytes((made / "photo.png").read_bytes())
    assert run("trajectory", "spiral", "--frames", "3", "--output", tmp_path / trajectory).exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ended = run("generate", "--image", tmp_path / image, "--trajectory", tmp_path / trajectory, "--output", tmp_path,
                *SMALL)  # fmt: skip
    assert ended.exit_code == 2
    assert f"would replace {tmp_path / replaced}; name another --output" in ended.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_name_too_long_for_the_disk_is_told_before_the_work(made, tmp_path):
    picture = tmp_path / f"{'x' * 249}.png"
    picture.write_bytes((made / "photo.png").read_bytes())
    ended = run("generate", "--image", picture, "--trajectory", "left", "--depth", "--output", tmp_path / "out", *SMALL)
    assert ended.exit_code == 1
    assert "_depth.npz: file name too long; rename picture or request" in ended.stderr
    assert "Gaussians" not in ended.output
    assert not list((tmp_path / "out").iterdir())


def test_a_path_that_may_not_be_read_is_told(made, tmp_path, monkeypatch):
    def refuse(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # a superuser may read any file
    ended = run("render", made / "photo.ply", "--trajectory", made / "photo.json", "--output", tmp_path / "out")
    assert ended.exit_code == 1
    assert f"Cannot read {made / 'photo.json'}: permission denied" in ended.stderr


def test_a_record_brings_its_model_and_tells_of_other_weights(made, tmp_path):
    record = json.loads((made / "photo.json").read_text())
    (tmp_path / "absent.json").write_text(json.dumps(record | {"model": "no/such/model"}))
    absent = run("generate", tmp_path / "absent.json", "--output", tmp_path / "out")
    assert absent.exit_code == 1
    assert "no/such/model" in absent.stderr
    (tmp_path / "other.json").write_text(json.dumps(record | {"weights": "sha256:0"}))
    other = run("generate", tmp_path / "other.json", "--spz", "--output", tmp_path / "out")
    assert other.exit_code == 0, other.output
    assert "other weights" in other.output
    same = run("generate", made / "photo.json", "--spz", "--output", tmp_path / "out")
    assert "other weights" not in same.output


def test_a_prompt_without_spaces_makes_a_name_that_disks_accept(tmp_path):
    result = run(
        "generate", "--prompt", "世界的美麗" * 40, "--trajectory", "left", "--spz", "--output", tmp_path, *SMALL
    )
    assert result.exit_code == 0, result.output
    assert len(list(tmp_path.glob("世界*.spz"))) == 1


def test_a_folder_that_cannot_be_written_is_told_before_the_work(made, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    # A superuser may write into any folder, but not into that of the system's processes.
    closed = closed if os.geteuid() else Path("/proc")
    ended = run("generate", made / "photo.json", "--model", "tiny", "--output", closed)
    assert ended.exit_code == 1
    assert f"Cannot write into {closed}" in ended.stderr
    assert "Gaussians" not in ended.output


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "--worlds", "1"],
        ["worlds"],
        ["worlds", "--sheet"],
        ["train", "tiny-smoke", "--minutes", "0"],
        ["train", "tiny-smoke", "--cast", "1"],
        ["generate", "--prompt", "x", "--trajectory", "left", *SMALL],
    ],
    ids=" ".join,
)
def test_a_folder_that_cannot_be_made_is_told_before_the_work(words, tmp_path):
    (tmp_path / "file").write_text("no folder")
    ended = run(*words, "--output", tmp_path / "file/out")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == f"Error: Cannot make the folder {tmp_path / 'file/out'}: not a directory.\n"


def test_comments_of_others_in_a_file_harm_no_command(made, tmp_path):
    scene = (made / "photo.ply").read_bytes()
    unit = next(line for line in scene.splitlines() if line.startswith(b"comment unit"))
    for index, other in enumerate(
        (b"comment unit metres", b"comment unit -1", b"comment unit nan", b"comment size \x1b[1m")
    ):
        (tmp_path / f"{index}.ply").write_bytes(scene.replace(unit, other))
        rendered = run(
            "render", tmp_path / f"{index}.ply", "--frames", "1", "--size", "32x48", "--output", tmp_path / "f"
        )
        assert rendered.exit_code == 0, rendered.output
        pixels = np.asarray(Image.open(tmp_path / "f/0000.png"))
        assert pixels.min() < 250, "an empty picture"
    told = run("info", tmp_path / "3.ply").output
    assert " MB" in told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "--output", "{out}"],
        ["generate", "--prompt", "x", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "nowhere", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "left", "--size", "100x100", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "left", "--size", "big", "--output", "{out}"],
        ["generate", "--trajectory", "left", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "left", "--seed", "-4", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "left", "--frames", "65", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "left", "--device", "cuda:7", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "left", "--model", "nowhere", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "left", "--rasteriser", "magic", "--output", "{out}"],
        ["generate", "{out}", "--output", "{out}"],
        ["render", "{text}", "--output", "{out}/x.mp4"],
        ["render", "{scene}", "--output", "{out}/x.mp4", "--background", "no-colour"],
        ["render", "{scene}", "--output", "{out}/x.mp4", "--size", "63x63"],
        ["convert", "{scene}", "{out}/x.obj"],
        ["convert", "{scene}", "{out}/x.ply", "--target-axes", "left right up"],
        ["info", "{text}"],
        ["trajectory", "nowhere"],
        ["trajectory", "left", "--amount", "-3"],
        ["trajectory", "left", "--size", "1x1"],
        ["trajectory", "left", "--output", "{text}/path.json"],
        ["trajectory", "--output", "{out}/path.json"],
        ["trajectory", "--frames", "3"],
        ["parity", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "{out}/none.json", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "{long}", "--output", "{out}"],
        ["generate", "--prompt", "x", "--trajectory", "{record}", "--amount", "3", "--output", "{out}"],
        ["generate", "{record}", "--size", "64x64", "--output", "{out}"],
        ["generate", "{record}", "--image-index", "0", "--output", "{out}"],
        ["generate", "{record}", "--ply", "--video-fps", "3", "--output", "{out}"],
        ["render", "{scene}", "--output", "{out}/x.mov"],
        ["render", "{scene}", "--output", "{out}/x", "--video-fps", "3"],
        ["render", "{scene}", "--output", "{out}/x.mp4", "--size", "90000x90000"],
    ],
    ids=" ".join,
)
def test_a_fault_is_one_message_and_no_traceback(arguments, made, tmp_path):
    (tmp_path / "text.ply").write_text("no scene")
    (tmp_path / "out").mkdir()
    names = {
        "out": tmp_path / "out",
        "text": tmp_path / "text.ply",
        "long": "x" * 300,
        "scene": made / "photo.ply",
        "record": made / "photo.json",
    }
    filled = [argument.format(**names) for argument in arguments]
    ended = run(*filled)
    assert ended.exit_code in (1, 2), ended.output
    assert "rror" in ended.stderr, ended.output
    assert not list((tmp_path / "out").iterdir()), "a failed command left files"


def test_the_program_itself_ends_in_one_message(tmp_path):
    ended = ran([sys.executable, "-m", "flashworld", "trajectory", "nowhere"], 240, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: there is no template 'nowhere'")


def test_help_answers_without_loading_torch():
    for arguments in ([], *[[name] for name in cli.COMMANDS]):
        code = (
            "import sys; from flashworld.apps.cli import flashworld\n"
            f"try: flashworld({[*arguments, '--help']!r})\n"
            "except SystemExit: pass\n"
            "assert not {'torch', 'numpy', 'rich', 'pydantic'} & set(sys.modules), 'a heavy import'"
        )
        ended = ran([sys.executable, "-c", code], 240)
        assert ended.returncode == 0, ended.stderr
        assert "Usage" in ended.stdout
