"""The shipped examples are what their README says, and what their script makes."""

import shutil
from pathlib import Path

import pytest
import torch

from flashworld.cameras import from_views
from flashworld.cameras.files import read_path
from flashworld.request import decode_picture, parse_path, parse_request

EXAMPLES = Path(__file__).parent.parent / "examples"
REQUESTS = sorted((EXAMPLES / "requests").glob("*.json"))
PATHS = sorted((EXAMPLES / "paths").glob("*.json"))


def test_the_simple_trajectory_is_five_cameras_forward():
    path = parse_path((EXAMPLES / "simple_trajectory.json").read_bytes())
    assert [view.fx for view in path.cameras] == [352] * 5
    assert {(view.fy, view.cx, view.cy) for view in path.cameras} == {(352, 352, 240)}
    assert [view.position for view in path.cameras] == [(0, 0, -step / 4) for step in range(5)]
    assert {view.quaternion for view in path.cameras} == {(1, 0, 0, 0)}


@pytest.mark.parametrize("file", REQUESTS, ids=lambda file: file.stem)
def test_a_request_is_complete_and_its_picture_has_its_size(file: Path):
    request = parse_request(file.read_bytes())
    assert len(request.cameras) == request.frames == 24
    if request.picture_bytes:
        assert decode_picture(request.picture_bytes).size == (request.width, request.height)


@pytest.mark.parametrize("file", PATHS, ids=lambda file: file.stem)
def test_a_path_of_the_gallery_can_be_read(file: Path):
    cameras = read_path(file)
    assert len(cameras) == 24
    same = from_views(parse_path(file.read_bytes()).cameras, 480, 704)
    torch.testing.assert_close(cameras.vectors(), same.vectors())


def test_the_script_makes_these_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import make_examples  # type: ignore[import-not-found]

    shutil.copytree(EXAMPLES / "pictures", tmp_path / "pictures")
    for folder in ("paths", "requests"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(make_examples, "HERE", tmp_path)
    make_examples.make_paths()
    make_examples.make_requests()
    for file in [*PATHS, *REQUESTS, EXAMPLES / "simple_trajectory.json"]:
        made = parse_path((tmp_path / file.relative_to(EXAMPLES)).read_bytes())
        shipped = parse_path(file.read_bytes())
        for ours, theirs in zip(made.cameras, shipped.cameras, strict=True):
            numbers = [
                (*view.quaternion, *view.position, view.fx, view.fy, view.cx, view.cy) for view in (ours, theirs)
            ]
            assert numbers[0] == pytest.approx(numbers[1], abs=1e-5)


def test_the_scenes_can_be_rendered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    from raymarch import render  # type: ignore[import-not-found]
    from scenes import SCENES  # type: ignore[import-not-found]

    for file in (EXAMPLES / "pictures").glob("*.jpg"):
        shipped = decode_picture(file.read_bytes()).resize((22, 15))
        made = render(SCENES[file.stem], 15, 22, 0.62, smoothing=1)
        difference = torch.tensor(made).float() - torch.frombuffer(
            bytearray(shipped.tobytes()), dtype=torch.uint8
        ).view(15, 22, 3)
        assert difference.abs().mean() < 25
