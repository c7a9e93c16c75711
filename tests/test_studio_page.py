"""The page's pure modules, run by node: its mathematics agrees with the library's, its edits keep their laws.

Marker `external`: needs node, but none of its packages.
"""

import base64
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from programs import ran

from flashworld.cameras import from_fit, resample
from flashworld.cameras.easing import EASINGS
from flashworld.cameras.templates import TEMPLATES, make_path
from flashworld.geometry import matrix_from_quaternion
from flashworld.request import CameraView, fit, parse_path
from flashworld.request.picture import bytes_from_text

pytestmark = pytest.mark.external

PAGE = Path(__file__).parent.parent / "flashworld/apps/studio/page"
CALL = Path(__file__).parent / "node/call.mjs"


def call(module: str, *calls: list[Any]) -> list[Any]:
    """What the functions of a module of the page give; a call is its name and arguments."""
    command = ["node", str(CALL), str(PAGE / module)]
    result = ran(command, 240, input=json.dumps(calls))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def run(script: str) -> Any:
    """What a script prints as JSON; it may import the page's modules by their path within the page."""
    script = script.replace("'./", f"'{PAGE.as_uri()}/")
    command = ["node", "--input-type=module", "-e", script]
    result = ran(command, 240)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def random_views(count: int, seed: int = 0, width: int = 704, height: int = 480) -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(seed)
    quaternions = torch.randn(count, 4, generator=generator).tolist()
    positions = torch.randn(count, 3, generator=generator).tolist()
    growth = (0.7 + torch.rand(count, 4, generator=generator)).tolist()
    lens = (0.6 * width, 0.6 * width, width / 2, height / 2)
    return [
        {
            "quaternion": quaternion,
            "position": position,
            **dict(zip(("fx", "fy", "cx", "cy"), (a * b for a, b in zip(lens, scale, strict=True)), strict=True)),
        }
        for quaternion, position, scale in zip(quaternions, positions, growth, strict=True)
    ]


def path_of(views: list[dict[str, Any]], frames: int, width: int = 704, height: int = 480, **fields: Any) -> dict:
    size = {"width": width, "height": height}
    keys = call("path/lens.js", *(["poseOf", view, size] for view in views))
    keys = [{"id": str(number), "pace": 1, **key} for number, key in enumerate(keys)]
    path = {"keys": keys, "frames": frames, "imageIndex": 0, "closed": False, "curve": "straight", "easing": "linear"}
    return {**path, **fields}


def rows(poses: list[dict[str, Any]], width: int = 704, height: int = 480) -> torch.Tensor:
    """Poses of the page as rows of quaternion, position and the library's intrinsics."""
    aspect = width / height
    return torch.tensor(
        [
            [
                *p["quaternion"],
                *p["position"],
                p["lens"]["fx"],
                p["lens"]["fy"] * aspect,
                p["lens"]["cx"],
                p["lens"]["cy"],
            ]
            for p in poses
        ]
    )


def expected(views: list[dict[str, Any]], times: torch.Tensor, width: int = 704, height: int = 480) -> torch.Tensor:
    path = parse_path({"cameras": views})
    return resample(from_fit(fit(None, path.cameras, (height, width))), times).vectors()


def assert_same_cameras(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 2e-6):
    sign = (ours[:, :4] * theirs[:, :4]).sum(-1, keepdim=True).sign()
    torch.testing.assert_close(ours[:, :4] * sign, theirs[:, :4], atol=tolerance, rtol=0)
    torch.testing.assert_close(ours[:, 4:], theirs[:, 4:], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("count", [1, 2, 5, 24])
@pytest.mark.parametrize("frames", [1, 7, 24])
def test_a_straight_path_is_resampled_as_the_server_does_it(count: int, frames: int):
    views = random_views(count, seed=count)
    [poses] = call("path/sample.js", ["posesOf", path_of(views, frames)])
    assert_same_cameras(rows(poses), expected(views, torch.linspace(0, 1, frames, dtype=torch.float64)))


@pytest.mark.parametrize("easing", list(EASINGS))
def test_easings_are_those_of_the_library(easing: str):
    times = torch.linspace(0, 1, 24, dtype=torch.float64)
    views = random_views(5)
    [poses] = call("path/sample.js", ["posesOf", path_of(views, 24, easing=easing)])
    assert_same_cameras(rows(poses), expected(views, EASINGS[easing](times)))


def test_no_easing_is_missing_in_the_page():
    names = run("import { EASINGS } from './path/easing.js'; console.log(JSON.stringify(Object.keys(EASINGS)));")
    assert names == list(EASINGS)


def test_a_closed_path_returns_one_step_after_its_last_frame():
    views = random_views(4)
    [poses] = call("path/sample.js", ["posesOf", path_of(views, 24, closed=True)])
    times = torch.arange(24, dtype=torch.float64) / 24
    assert_same_cameras(rows(poses), expected([*views, views[0]], times))


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("curve", ["straight", "smooth"])
def test_a_path_goes_through_its_keys(curve: str, closed: bool):
    path = path_of(random_views(5, seed=3), 24, curve=curve, closed=closed)
    path["keys"][1]["pace"] = 2.5
    steps = 24 if closed else 23
    frames = call("path/sample.js", *(["frameOfKey", path, index] for index in range(5)))
    poses = call("path/sample.js", *(["poseAt", path, frame / steps] for frame in frames))
    assert_same_cameras(rows(poses), rows(path["keys"]), tolerance=1e-6)


def test_a_smooth_path_has_no_corner():
    """Its velocity on both sides of a key is one; that of a straight path jumps."""
    jumps = {}
    for curve in ("straight", "smooth"):
        path = path_of(random_views(5, seed=3), 24, curve=curve)
        times = [0.5 + offset for offset in (-1e-4, 0, 1e-4)]
        before, at, after = rows(call("path/sample.js", *(["poseAt", path, time] for time in times))).double()
        jumps[curve] = ((after[4:7] - at[4:7]) - (at[4:7] - before[4:7])).norm() / 1e-4
    assert jumps["straight"] > 1
    assert jumps["smooth"] < 0.05


def test_a_smooth_path_of_a_circle_stays_near_it():
    around = make_path("orbit-left", amount=90, frames=5)
    views = [
        {"quaternion": q, "position": p, "fx": 400, "fy": 400, "cx": 352, "cy": 240}
        for q, p in zip(around.quaternions.tolist(), around.positions.tolist(), strict=True)
    ]
    [poses] = call("path/sample.js", ["posesOf", path_of(views, 25, curve="smooth")])
    true = make_path("orbit-left", amount=90, frames=25)
    assert (rows(poses)[:, 4:7] - true.positions).norm(dim=-1).max() < 0.02
    assert ((rows(poses)[:, :4] * true.quaternions).sum(-1).abs() > math.cos(math.radians(0.5))).all()


def test_a_camera_survives_the_way_to_the_page_and_back():
    size = {"width": 704, "height": 480}
    view = random_views(1)[0]
    [pose] = call("path/lens.js", ["poseOf", view, size])
    [back] = call("path/lens.js", ["cameraOf", pose, size])
    norm = math.hypot(*view["quaternion"])
    view["quaternion"] = [value / norm for value in view["quaternion"]]
    for name, numbers in view.items():
        assert back[name] == pytest.approx(numbers)


@pytest.mark.parametrize("picture", [None, (480, 704), (1200, 1600), (3024, 4032), (900, 600)])
def test_intrinsics_of_an_imported_request_are_read_as_the_server_reads_them(picture: tuple[int, int] | None):
    for height, width in [(480, 704), picture or (480, 704)]:
        views = random_views(3, width=width, height=height)
        [poses] = call(
            "fitting.js",
            [
                "posesFromRequest",
                views,
                picture and {"height": picture[0], "width": picture[1]},
                {"height": 480, "width": 704},
            ],
        )
        fitted = fit(picture, [CameraView(**view) for view in views], (480, 704))
        assert_same_cameras(rows(poses), torch.tensor(fitted.cameras, dtype=torch.float32))


def poses_of(name: str, amount: float, frames: int) -> list[dict[str, Any]]:
    path = make_path(name, amount=amount, frames=frames)
    return [
        {"position": p, "quaternion": q, "lens": {"fx": i[0], "fy": i[0], "cx": 0.5, "cy": 0.5}}
        for p, q, i in zip(path.positions.tolist(), path.quaternions.tolist(), path.intrinsics.tolist(), strict=True)
    ]


@pytest.mark.parametrize("curve", ["straight", "smooth"])
def test_templates_become_few_keys_that_still_follow_them(curve: str):
    """Within 2 % of the reach and one degree, for every template."""
    poses = [poses_of(name, template.default, 49) for name, template in TEMPLATES.items()]
    kept = call("path/simplify.js", *(["simplify", path, list(range(49)), curve] for path in poses))
    keys = [[{"id": str(n), **key["pose"], "pace": key["pace"]} for n, key in enumerate(path)] for path in kept]
    paths = [{**simple_path(), "frames": 49, "keys": path, "curve": curve} for path in keys]
    again = call("path/sample.js", *(["posesOf", path] for path in paths))
    for name, few, wanted, given in zip(TEMPLATES, keys, map(rows, poses), map(rows, again), strict=True):
        assert len(few) <= (2 if name in ("forward", "back", "left", "right") else 18 if curve == "smooth" else 40), (
            name
        )
        reach = float((wanted[:, 4:7] - wanted[0, 4:7]).norm(dim=-1).max())
        assert (wanted[:, 4:7] - given[:, 4:7]).norm(dim=-1).max() <= max(0.0201 * reach, 1e-3), name
        assert ((wanted[:, :4] * given[:, :4]).sum(-1).abs() > math.cos(math.radians(1.01) / 2)).all(), name


def simple_path(count: int = 4) -> dict[str, Any]:
    poses = poses_of("forward", 3.0, count)
    keys = [{"id": str(number), **pose, "pace": 1} for number, pose in enumerate(poses)]
    return {"keys": keys, "frames": 24, "imageIndex": 6, "closed": False, "curve": "straight", "easing": "linear"}


def test_edits_of_keys():
    path = simple_path()
    pose = {name: path["keys"][0][name] for name in ("position", "quaternion", "lens")}
    added, removed, doubled, moved, replaced = call(
        "path/edit.js",
        ["addKey", path, pose, 1], ["removeKey", path, 2], ["duplicateKey", path, 0], ["moveKey", path, 0, 3],
        ["replaceKey", path, 3, pose],
    )  # fmt: skip
    ids = lambda edited: [key["id"] for key in edited["keys"]]  # noqa: E731
    assert ids(added)[:2] + ids(added)[3:] == ["0", "1", "2", "3"]
    assert added["keys"][2]["position"] == pose["position"]
    assert ids(removed) == ["0", "1", "3"]
    assert doubled["keys"][1]["position"] == path["keys"][0]["position"]
    assert doubled["keys"][1]["id"] != "0"
    assert ids(moved) == ["1", "2", "3", "0"]
    assert ids(replaced) == ids(path)
    assert replaced["keys"][3]["position"] == pose["position"]


@pytest.mark.parametrize("easing", ["linear", "smooth"])
def test_a_key_put_between_two_changes_no_frame(easing: str):
    path = {**simple_path(), "easing": easing}
    [longer] = call("path/edit.js", ["insertBetween", path, 1])
    before, after = call("path/sample.js", ["posesOf", path], ["posesOf", longer])
    assert len(longer["keys"]) == 5
    torch.testing.assert_close(rows(before), rows(after), atol=1e-6, rtol=0)


def test_a_key_is_retimed_to_the_frame_it_is_dragged_to():
    path = {**simple_path(), "easing": "ease-in-out"}
    [edited] = call("path/edit.js", ["retimeKey", path, 1, 10])
    frames = call("path/sample.js", *(["frameOfKey", edited, index] for index in range(4)))
    others = call("path/sample.js", *(["frameOfKey", path, index] for index in range(4)))
    assert frames == pytest.approx([others[0], 10, others[2], others[3]], abs=1e-6)
    [ends] = call("path/edit.js", ["retimeKey", path, 0, 10])
    assert ends == path


def test_evening_out_makes_equal_steps():
    path = simple_path(3)
    path["keys"][1]["position"] = [0, 0, -0.4]
    [even] = call("path/edit.js", ["evenOut", path])
    [poses] = call("path/sample.js", ["posesOf", even])
    [speed] = call("path/speed.js", ["speedOf", poses])
    assert speed["moves"] == pytest.approx([3 / 23] * 23, rel=1e-4)


def test_a_key_appended_after_evening_out_takes_as_long_as_the_others():
    """The last key of an open path leads nowhere: how far it is to the first is nobody's pace."""
    path = simple_path(6)
    pose = {name: path["keys"][0][name] for name in ("position", "quaternion", "lens")}
    [even] = call("path/edit.js", ["evenOut", path])
    assert [key["pace"] for key in even["keys"]] == pytest.approx([1] * 6)
    [longer] = call("path/edit.js", ["addKey", even, pose])
    assert call("path/sample.js", ["knots", longer])[0] == pytest.approx([n / 6 for n in range(7)])
    [loop] = call("path/edit.js", ["evenOut", {**path, "closed": True}])
    assert [key["pace"] for key in loop["keys"]] == pytest.approx([0.6] * 5 + [3])


def test_between_the_last_frame_of_a_loop_and_its_first_the_nearest_is_one_of_them():
    path = simple_path()
    frames = [0, 0.4, 22.6, 23, 23.4, 23.6]
    whole = call("path/sample.js", *(["wholeFrame", {**path, "closed": True}, frame] for frame in frames))
    assert whole == [0, 0, 23, 23, 23, 0]
    assert call("path/sample.js", *(["wholeFrame", path, frame] for frame in frames)) == [0, 0, 23, 23, 23, 23]


def test_reversing_twice_changes_nothing():
    path = simple_path()
    path["keys"][0]["pace"] = 3
    for closed in (False, True):
        [once] = call("path/edit.js", ["reverse", {**path, "closed": closed}])
        [twice] = call("path/edit.js", ["reverse", once])
        forward, backward = call("path/sample.js", ["posesOf", {**path, "closed": closed}], ["posesOf", twice])
        torch.testing.assert_close(rows(forward), rows(backward))


def test_the_picture_keeps_its_moment_when_the_number_of_frames_changes():
    [fewer] = call("path/edit.js", ["setFrames", {**simple_path(), "imageIndex": 23}, 8])
    assert (fewer["frames"], fewer["imageIndex"]) == (8, 7)


def test_what_is_appended_begins_where_the_path_ends():
    path = simple_path(2)
    more = [
        {"pose": {name: key[name] for name in ("position", "quaternion", "lens")}, "pace": 2} for key in path["keys"]
    ]
    [joined] = call("path/edit.js", ["appendKeys", path, more[::-1]])
    assert [key["position"][2] for key in joined["keys"]] == [0, -3, 0]
    assert joined["keys"][1]["pace"] == 2


def test_undo_and_redo():
    states = run("""
        import { createHistory } from './history.js';
        const history = createHistory('a');
        const seen = [];
        const note = () => seen.push(history.state + (history.canUndo ? 'u' : '') + (history.canRedo ? 'r' : ''));
        history.push('b'); history.push('c', 'drag'); history.push('d', 'drag'); note();
        history.undo(); note(); history.undo(); note(); history.undo(); note();
        history.redo(); history.redo(); note();
        history.undo(); history.push('e'); note();
        history.settle(); history.push('f', 'drag'); history.settle(); history.push('g', 'drag');
        history.undo(); note();
        console.log(JSON.stringify(seen));
    """)
    assert states == ["du", "bur", "ar", "ar", "du", "eu", "fur"]


def test_both_languages_have_the_same_words_and_places_to_fill():
    dictionaries = run("""
        import en from './words/en.js';
        import zh from './words/zh.js';
        console.log(JSON.stringify({ en, zh }));
    """)
    english, chinese = dictionaries["en"], dictionaries["zh"]
    assert list(english) == list(chinese)
    for key, text in english.items():
        assert text
        assert chinese[key]
        assert set(_places(text)) == set(_places(chinese[key])), key


def test_every_word_that_the_page_asks_for_is_in_the_dictionary():
    english = run("import en from './words/en.js'; console.log(JSON.stringify(en));")
    asked = set(re.findall(r'data-t(?:-\w+)?="([^"]+)"', (PAGE / "index.html").read_text(encoding="utf-8")))
    for module in PAGE.rglob("*.js"):
        if module.parent.name != "words":
            asked |= set(re.findall(r"\bt\('([\w.-]+)'", module.read_text(encoding="utf-8")))
    assert len(asked) > 100
    assert not asked - set(english)


def test_every_template_and_easing_has_words():
    english = run("import en from './words/en.js'; console.log(JSON.stringify(en));")
    wanted = [f"template.{name}" for name in TEMPLATES] + [f"easing.{name}" for name in EASINGS]
    assert not set(wanted) - set(english)


def _places(text: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", text)


def test_a_published_request_keeps_its_cameras_and_its_frame(tmp_path: Path):
    """Imported and sent again, a request of 24 cameras and 24 frames is the same request."""
    request = {
        "text_prompt": "A room.", "resolution": [24, 480, 704], "image_index": 9, "seed": 3, "name": "Haus",
        "cameras": random_views(24, seed=5),
    }  # fmt: skip
    (tmp_path / "request.json").write_text(json.dumps(request))
    again = run(f"""
        import {{ readFileSync }} from 'node:fs';
        import {{ draftOf, requestOf }} from './request.js';
        const request = JSON.parse(readFileSync('{tmp_path / "request.json"}', 'utf8'));
        console.log(JSON.stringify(requestOf(draftOf(request, null), null)));
    """)
    assert {name: again[name] for name in request if name != "cameras"} == {
        name: request[name] for name in request if name != "cameras"
    }
    theirs = [CameraView(**view) for view in request["cameras"]]
    ours = [CameraView(**view) for view in again["cameras"]]
    ours, theirs = (torch.tensor(fit(None, views, (480, 704)).cameras, dtype=torch.float32) for views in (ours, theirs))
    assert_same_cameras(ours, theirs)


@pytest.mark.parametrize(
    "fault",
    [
        {"cameras": [None]}, {"cameras": [{}]}, {"cameras": [{"quaternion": [0] * 4}]}, {"cameras": "all"},
        {"cameras": []}, {"resolution": None}, {"resolution": [24, 480]}, {"resolution": [65, 480, 704]},
        {"image_prompt": "photos/room.jpg"}, {"image_prompt": 5}, {"image_prompt": "data:image/png;base64,%%%"},
    ],
    ids=str,
)  # fmt: skip
def test_a_file_that_is_no_request_is_refused_with_words_of_the_dictionary(fault: dict[str, Any]):
    request = {"cameras": random_views(2), "resolution": [24, 480, 704], "text_prompt": "A room."} | fault
    refused = run(f"""
        import en from './words/en.js';
        import {{ draftOf }} from './request.js';
        import {{ pictureFromPrompt }} from './picture.js';
        const request = {json.dumps(request)};
        const opened = pictureFromPrompt(request.image_prompt).then(() => draftOf(request, null));
        const word = await opened.then(() => '', (error) => error.message);
        console.log(JSON.stringify(en[word] ?? null));
    """)
    assert refused


def test_oddities_of_a_request_cost_no_more_than_themselves():
    odd = {"cameras": random_views(2), "resolution": [24, 480, 704], "text_prompt": 5, "image_index": -3, "name": [1]}
    (draft,) = call("request.js", ["draftOf", odd, None])
    assert (draft["prompt"], draft["path"]["imageIndex"], draft["name"]) == ("", 0, "")


@pytest.mark.parametrize("ending", ["", "=", "==", "===", "=\n"])
def test_pictures_are_read_as_the_server_reads_them(ending: str):
    data = b"\x89PNG, and more"
    prompt = base64.b64encode(data).decode().rstrip("=") + ending
    (ours,) = call("picture.js", ["bytesOf", "data:image/png;base64," + prompt])
    assert bytes(ours.values()) == bytes_from_text(prompt) == data


@pytest.mark.parametrize(("width", "height"), [(704, 480), (480, 704)])
def test_the_overview_sees_the_whole_path_and_what_it_goes_past(width: int, height: int):
    size = {"width": width, "height": height}
    for seed in (1, 2):
        [*poses] = call("path/lens.js", *(["poseOf", view, size] for view in random_views(8, seed, width, height)))
        [lens] = call("path/lens.js", ["lensFromFov", 60])
        [picture] = call("path/overview.js", ["cornersAt", poses[seed], 2, size])
        [seen] = call("path/overview.js", ["overviewOf", poses, picture, lens, size])
        world_from_camera = matrix_from_quaternion(torch.tensor(seen["quaternion"]))
        points = torch.tensor([*(pose["position"] for pose in poses), *picture]) - torch.tensor(seen["position"])
        x, y, z = (points @ world_from_camera).T
        assert (z < 0).all()
        assert ((x / -z).abs() < 0.5 / lens["fx"]).all()
        assert ((y / -z).abs() < 0.5 * height / width / lens["fy"]).all()


def test_of_keys_that_crowd_each_other_some_are_drawn():
    keys = [{"position": [0.1 * i, 0, 0], "quaternion": [1, 0, 0, 0]} for i in range(10)]
    turning = [{"position": [0, 0, 0], "quaternion": [math.cos(0.1 * i), 0, math.sin(0.1 * i), 0]} for i in range(5)]
    thinned, wide, turned = call("path/spread.js", ["apart", keys, 0.35], ["apart", keys, 0.05], ["apart", turning, 1])
    assert [i for i, drawn in enumerate(thinned) if drawn] == [0, 4, 8, 9]
    assert all(wide)
    assert turned == [True, False, True, False, True]
