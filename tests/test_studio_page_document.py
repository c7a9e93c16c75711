"""The page's parts that touch the document, run by node with elements that stand where a browser's stand.

Marker `external`: needs node, but none of its packages.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from programs import ran
from test_studio_page import PAGE

pytestmark = pytest.mark.external

DOCUMENT = Path(__file__).parent / "node/document.mjs"
WEB = PAGE.parents[1] / "web"

PATH = """
    import { createStudio } from './state.js';
    import { emptyPath, makeKey } from './path/edit.js';
    import { lensFromFov } from './path/lens.js';
    const keyAt = (x) => makeKey({ position: [x, 0, -2], quaternion: [1, 0, 0, 0], lens: lensFromFov(70) });
    const studio = createStudio();
    const select = (selected) => studio.ui.update({ selected });
    studio.changePath({ ...emptyPath(), keys: [-1, 0, 1].map(keyAt) });
"""
"""A studio with a path of three keys."""


def run(script: str) -> Any:
    """What a script prints as JSON. It sees a document, and imports modules by their path within page or viewer."""
    script = script.replace("'./", f"'{PAGE.as_uri()}/").replace("'web/", f"'{WEB.as_uri()}/")
    result = ran(["node", "--import", DOCUMENT.as_uri(), "--input-type=module", "-e", script], 240)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_lens_that_is_given_to_a_key_is_looked_through():
    seen, key, next_key = run(
        PATH
        + """
        import { mountInspector } from './dock/inspector.js';
        const seen = [];
        const setLens = (lens) => {
          seen.push(lens);
          studio.ui.update({ lens });
        };
        select(1);
        mountInspector(studio, { select, setLens })();
        const slider = document.getElementById('inspector').children[7].children[1];
        slider.value = '40';
        slider.dispatchEvent(new Event('input'));
        console.log(JSON.stringify([seen, studio.draft.get().path.keys[1].lens, studio.ui.get().lens]));
    """
    )
    assert seen == [key]
    assert next_key == key


@pytest.mark.parametrize(
    ("pressed", "selected", "focused"),
    [
        (["replace"], 1, "replace"),
        (["insert"], 2, "insert"),
        (["duplicate", "duplicate"], 3, "duplicate"),
        (["later"], 2, "goto"),
        (["earlier"], 0, "goto"),
        (["delete"], 1, "delete"),
        (["delete", "delete", "delete"], -1, "strip"),
    ],
)
def test_the_focus_stays_on_the_button_that_was_pressed(pressed: list[str], selected: int, focused: str):
    """Or on another of the row where that one can no longer be pressed; on the key frames once all are gone."""
    told = run(
        PATH
        + f"""
        import {{ mountInspector }} from './dock/inspector.js';
        document.getElementById('strip').dataset.focus = 'strip';
        select(1);
        const poseOfView = () => ({{ position: [0, 0, 0] }});
        const render = mountInspector(studio, {{ select, poseOfView, say() {{}}, setLens() {{}}, goTo() {{}} }});
        studio.draft.watch(render);
        studio.ui.watch(render);
        const row = document.getElementById('inspector');
        for (const name of {json.dumps(pressed)}) row.querySelector(`[data-focus="${{name}}"]`).click();
        console.log(JSON.stringify([studio.ui.get().selected, document.activeElement.dataset.focus ?? 'nothing']));
    """
    )
    assert told == [selected, focused]


FINGERS = (
    PATH
    + """
    /** What a finger does to an element. */
    const touch = (element, pointerId, type, clientX, clientY = 150) =>
      element.dispatchEvent(Object.assign(new Event(type), { pointerId, clientX, clientY, button: 0, buttons: 1 }));
"""
)


def test_a_second_finger_neither_moves_nor_ends_the_drag_of_a_key():
    told = run(
        FINGERS
        + """
        import { Group, PerspectiveCamera, Vector3 } from 'web/vendor/spark.js';
        import { mountOverlay } from './stage/overlay.js';
        const camera = new PerspectiveCamera(60, 4 / 3);
        camera.updateMatrixWorld();
        const container = document.createElement('div');
        const [canvas, controls] = [document.createElement('canvas'), { up: new Vector3(0, 1, 0) }];
        const view = { container, canvas, camera, controls, overlay: new Group(), onMove() {}, invalidate() {} };
        mountOverlay(studio, view, { select })();
        const finger = (...touched) => {
          touch(container, ...touched);
          return Math.round(100 * studio.draft.get().path.keys[1].position[0]);
        };
        console.log(JSON.stringify([
          finger(1, 'pointerdown', 200), finger(2, 'pointerdown', 20, 20), finger(2, 'pointermove', 50),
          finger(2, 'pointerup', 50), finger(1, 'pointermove', 230), finger(3, 'pointercancel', 0),
          finger(1, 'pointermove', 215), finger(1, 'pointerup', 215), finger(1, 'pointermove', 230),
        ]));
    """
    )
    assert told == [0, 0, 0, 0, 23, 23, 12, 12, 12]


def test_a_second_finger_neither_moves_nor_ends_the_drag_of_a_mark():
    told = run(
        FINGERS
        + """
        import { mountGraph } from './dock/graph.js';
        import { frameOfKey } from './path/sample.js';
        mountGraph(studio, { select })();
        const timeline = document.getElementById('timeline');
        const marks = document.getElementById('graph').children;
        const mark = marks.find((part) => part.getAttribute('class') === 'key-mark');
        const finger = (...touched) => {
          touch(timeline, ...touched);
          return frameOfKey(studio.draft.get().path, 1);
        };
        touch(mark, 1, 'pointerdown', 200);
        console.log(JSON.stringify([
          finger(2, 'pointermove', 300), finger(2, 'pointerup', 300), finger(1, 'pointermove', 300),
          finger(1, 'pointerup', 300), finger(1, 'pointermove', 200),
        ]));
    """
    )
    assert told == pytest.approx([11.5, 11.5, 17.25, 17.25, 17.25])


PICTURES = (
    PATH
    + """
    import { mountInputs } from './panels/inputs.js';
    const decoded = new Map();
    const wanted = (blob) => decoded.get(blob) ?? [];
    globalThis.createImageBitmap = (blob) => new Promise((resolve) => decoded.set(blob, [...wanted(blob), resolve]));
    /** The browser has decoded what it was asked to of a picture. */
    const finish = async (blob, width) => {
      for (const resolve of wanted(blob)) resolve({ width, height: 48, close() {} });
      decoded.set(blob, []);
      for (let turns = 0; turns < 10; turns += 1) await null;
    };
    const [one, other] = ['1', '2'].map((text) => new Blob([text], { type: 'image/png' }));
    const inputs = mountInputs(studio, { say() {} });
"""
)


def test_of_two_pictures_the_one_chosen_later_is_taken():
    widths = run(
        PICTURES
        + """
        const width = () => studio.draft.get().picture?.width ?? 0;
        inputs.take(one);
        inputs.take(other);
        await finish(other, 222);
        const widths = [width()];
        await finish(one, 111);
        widths.push(width());
        inputs.take(one);
        document.getElementById('remove-picture').click();
        await finish(one, 111);
        console.log(JSON.stringify([...widths, width()]));
    """
    )
    assert widths == [222, 222, 0]


def test_the_preview_shows_the_picture_that_is_sent():
    drawn = run(
        PICTURES
        + """
        const pictureOf = (blob, width) => ({ blob, width, height: 48, name: '', place: { x: 0.5, y: 0.5 } });
        for (const picture of [pictureOf(one, 111), pictureOf(other, 222)]) {
          studio.draft.update({ picture });
          inputs.render();
        }
        for (const [blob, width] of [[other, 222], [other, 222], [one, 111], [one, 111]]) await finish(blob, width);
        const { drawn, width } = document.getElementById('crop');
        console.log(JSON.stringify([drawn.map((picture) => picture.width), width]));
    """
    )
    assert drawn == [[222, 704], 540]


def test_another_lens_puts_the_photo_away():
    told = run("""
        import { Wipe } from 'web/wipe.js';
        const movers = new Set();
        const pose = { position: [0, 0, 0], quaternion: [1, 0, 0, 0], fovY: 1 };
        let frame = { left: 0, top: 0, width: 4, height: 3 };
        const [container, canvas] = [document.createElement('div'), document.createElement('canvas')];
        const view = {
          container, canvas, lookThrough() {}, pose: () => pose, frameRect: () => frame,
          onMove: (callback) => {
            movers.add(callback);
            return () => movers.delete(callback);
          },
        };
        const wipe = new Wipe(view, { photo: '', divider: '' });
        const move = () => movers.forEach((callback) => callback(pose));
        const told = [];
        for (const change of [() => {}, () => (pose.fovY = 1.1), () => (frame = null)]) {
          frame = { left: 0, top: 0, width: 4, height: 3 };
          wipe.open('photo.png', {}, 4, 3);
          change();
          move();
          resized.forEach((callback) => callback());
          told.push(wipe.isOpen);
        }
        console.log(JSON.stringify(told));
    """)
    assert told == [True, False, False]


def test_the_button_of_the_worlds_tells_whether_they_are_seen():
    told = run("""
        import { prepareTabs } from './tabs.js';
        const button = document.getElementById('toggle-worlds');
        const told = [];
        const note = () => told.push(button.getAttribute('aria-expanded'));
        const becomes = (narrow) => {
          media.matches = narrow;
          media.dispatchEvent(new Event('change'));
          note();
        };
        media.matches = true;
        prepareTabs();
        note();
        for (const narrow of [false, true]) becomes(narrow);
        button.click();
        note();
        becomes(false);
        button.click();
        note();
        becomes(true);
        console.log(JSON.stringify(told));
    """)
    assert told == ["false", "true", "false", "true", "true", "false", "true"]
