/**
 * The path drawn over the world: its curve, a frustum for each key, and two handles to drag: the dot moves a key, the ring
 * in front of it turns it.
 */

import { Group, Line2, LineGeometry, LineMaterial, LineSegments2, LineSegmentsGeometry, Plane, Raycaster, Vector2, Vector3 } from '../../web/vendor/spark.js';
import { posed } from '../../web/cameras.js';
import { aboutAxis, multiply, normalise } from '../path/quaternion.js';
import { replaceKey } from '../path/edit.js';
import { poseAt, poseAtFrame } from '../path/sample.js';
import { apart } from '../path/spread.js';

const CURVE_POINTS = 160;
const [GRAB_PIXELS, LONGEST] = [13, 0.32];
const COLOURS = {
  dark: { curve: '#5cd3b0', key: '#c9d0d9', selected: '#5cd3b0', head: '#ffffff', photo: '#f2b866' },
  light: { curve: '#066b51', key: '#39424d', selected: '#066b51', head: '#000000', photo: '#b36f00' },
};

/**
 * @param {import('../state.js').Studio} studio @param {import('../../web/view.js').WorldView} view
 * @param {{select: (index: number) => void}} actions
 */
export function mountOverlay(studio, view, { select }) {
  const handles = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  handles.setAttribute('class', 'handles');
  handles.setAttribute('aria-hidden', 'true');
  view.container.append(handles);
  const lines = new Group();
  view.overlay.add(lines);
  let drag = null;
  /** Whether an event is of the finger that drags; another one neither moves nor ends it. */
  const drags = (event) => drag?.pointer === event.pointerId;

  /** Not where it would only be in the way: in front of the path's own camera, or of two pictures that are compared. */
  function isShown() {
    const { pathShown, riding, comparing } = studio.ui.get();
    return pathShown && !riding && !comparing;
  }

  function render() {
    for (const line of lines.children) {
      line.geometry.dispose();
      line.material.dispose();
    }
    lines.clear();
    const { path, size, picture } = studio.draft.get();
    if (isShown() && path.keys.length > 0) draw(path, size, picture);
    place();
    view.invalidate();
  }

  function draw(path, size, picture) {
    const colours = COLOURS[document.documentElement.dataset.theme];
    const { selected, frame } = studio.ui.get();
    const long = length();
    if (path.keys.length > 1) {
      const points = Array.from({ length: CURVE_POINTS + 1 }, (_, i) => poseAt({ ...path, easing: 'linear' }, i / CURVE_POINTS).position);
      lines.add(line(new Line2(), new LineGeometry().setPositions(points.flat()), colours.curve, 2.5));
    }
    const clear = apart(path.keys, 0.6 * long);
    path.keys.forEach((key, i) => {
      if (clear[i] || i === selected) add(key, frustum(key, size, long, i === selected ? colours.selected : colours.key, i === selected ? 2.5 : 1.3));
    });
    const at = poseAtFrame(path, frame);
    add(at, frustum(at, size, 0.8 * long, colours.head, 1.3));
    const shown = picture && poseAtFrame(path, path.imageIndex);
    if (shown) add(shown, frustum(shown, size, 0.62 * long, colours.photo, 1.6));
  }

  function add({ position }, object) {
    object.userData.position = position;
    lines.add(object);
  }

  /** A camera that one looks through would only be lines across the picture. */
  const hides = ({ position }, long) => Math.hypot(...position.map((value, i) => value - view.camera.position.getComponent(i))) < 0.5 * long;

  /** Depth of a frustum: small beside the path, and never larger than what suits a room. */
  function length() {
    const { keys } = studio.draft.get().path;
    const reach = Math.max(...keys.map(({ position }) => Math.hypot(...position.map((value, i) => value - keys[0].position[i]))));
    return reach > 0 ? Math.max(Math.min(LONGEST, 0.3 * reach), 0.06 * reach) : LONGEST;
  }

  /** Handles lie on the page, where they are equally large everywhere. */
  function place() {
    const { path } = studio.draft.get();
    const { selected } = studio.ui.get();
    if (!isShown()) return handles.replaceChildren();
    const long = path.keys.length ? length() : 0;
    for (const object of lines.children) object.visible = !object.userData.position || !hides(object.userData, long);
    const marks = path.keys.flatMap((key, i) => {
      const [dot, ring] = [onPage(key.position), i === selected ? onPage(ahead(key, long)) : null];
      if (!dot || hides(key, long)) return [];
      return [circle(dot, i === selected ? 6 : 4.5, `dot${i === selected ? ' selected' : ''}`), ring && circle(ring, 6, 'ring')];
    });
    return handles.replaceChildren(...marks.filter(Boolean));
  }

  function onPage(position) {
    const point = new Vector3(...position);
    if (point.clone().applyMatrix4(view.camera.matrixWorldInverse).z > -view.camera.near) return null;
    const { x, y } = point.project(view.camera);
    return Math.abs(x) > 1.1 || Math.abs(y) > 1.1 ? null : [((x + 1) / 2) * view.container.clientWidth, ((1 - y) / 2) * view.container.clientHeight];
  }

  function grabbed({ clientX, clientY }) {
    const { path } = studio.draft.get();
    const { selected } = studio.ui.get();
    if (!isShown() || path.keys.length === 0) return null;
    const { left, top } = view.container.getBoundingClientRect();
    const far = (position) => {
      const at = onPage(position);
      return at ? Math.hypot(at[0] - clientX + left, at[1] - clientY + top) : Infinity;
    };
    const long = length();
    const chosen = path.keys[selected];
    if (chosen && !hides(chosen, long) && far(ahead(chosen, long)) < GRAB_PIXELS) return { index: selected, kind: 'turn' };
    const distances = path.keys.map((key) => (hides(key, long) ? Infinity : far(key.position)));
    const index = distances.indexOf(Math.min(...distances));
    return distances[index] < GRAB_PIXELS ? { index, kind: 'move' } : null;
  }

  // Before the controls of the view, which would turn it.
  view.container.addEventListener('pointerdown', (event) => {
    const found = !drag && event.button === 0 && grabbed(event);
    if (!found) return;
    event.stopPropagation();
    event.preventDefault();
    select(found.index);
    view.container.setPointerCapture(event.pointerId);
    drag = { ...found, pointer: event.pointerId, key: studio.draft.get().path.keys[found.index], x: event.clientX, y: event.clientY };
  }, { capture: true });
  view.container.addEventListener('pointermove', (event) => {
    if (!drag) {
      view.canvas.style.cursor = event.buttons === 0 && grabbed(event) ? 'move' : '';
      return;
    }
    if (!drags(event)) return;
    event.stopPropagation();
    const pose = drag.kind === 'move' ? moved(drag.key, event) : turned(drag.key, event);
    studio.changePath(replaceKey(studio.draft.get().path, drag.index, pose), `${drag.kind} ${drag.index}`);
  }, { capture: true });
  for (const type of ['pointerup', 'pointercancel']) {
    view.container.addEventListener(type, (event) => {
      if (!drags(event)) return;
      studio.settle();
      drag = null;
    }, { capture: true });
  }

  /** The key under the pointer, as far from the view's picture plane as it was. */
  function moved(key, event) {
    const [before, now] = [{ clientX: drag.x, clientY: drag.y }, event].map((at) => hit(key.position, at));
    return before && now ? { position: now.sub(before).add(new Vector3(...key.position)).toArray() } : { position: key.position };
  }

  function hit(position, { clientX, clientY }) {
    const { left, top, width, height } = view.container.getBoundingClientRect();
    const ray = new Raycaster();
    ray.setFromCamera(new Vector2(((clientX - left) / width) * 2 - 1, 1 - ((clientY - top) / height) * 2), view.camera);
    const facing = view.camera.getWorldDirection(new Vector3());
    return ray.ray.intersectPlane(new Plane().setFromNormalAndCoplanarPoint(facing, new Vector3(...position)), new Vector3());
  }

  /** The key looks where its ring is dragged: across turns about the world's up, along about its own right. */
  function turned(key, event) {
    const perPixel = 1.6 / view.container.clientHeight;
    const yaw = aboutAxis(view.controls.up.toArray(), -(event.clientX - drag.x) * perPixel * facingSign(key));
    const pitch = aboutAxis([1, 0, 0], -(event.clientY - drag.y) * perPixel);
    return { quaternion: normalise(multiply(multiply(yaw, key.quaternion), pitch)) };
  }

  /** Seen from the front, a camera's right is the viewer's left. */
  function facingSign(key) {
    const seen = view.camera.getWorldDirection(new Vector3());
    const looks = new Vector3(0, 0, -1).applyQuaternion(posed(key).quaternion);
    return seen.dot(looks) < -0.2 ? -1 : 1;
  }

  view.onMove(place);
  return render;
}

const ahead = (key, long) => new Vector3(0, 0, -long).applyQuaternion(posed(key).quaternion).add(new Vector3(...key.position)).toArray();

function circle([x, y], radius, name) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
  for (const [attribute, value] of Object.entries({ cx: x, cy: y, r: radius, class: name })) element.setAttribute(attribute, value);
  return element;
}

function line(object, geometry, color, linewidth) {
  object.geometry = geometry;
  object.material = new LineMaterial({ color, linewidth, depthTest: false, transparent: true });
  object.renderOrder = 10;
  object.frustumCulled = false;
  return object;
}

/** The pyramid of what a camera sees, with a tick above its upper edge. */
function frustum(pose, size, long, color, width) {
  const { position, quaternion } = posed(pose);
  const { fx, fy, cx, cy } = pose.lens;
  const aspect = size.height / size.width;
  const corner = (u, v) => new Vector3(((u - cx) / fx) * long, (((cy - v) * aspect) / fy) * long, -long).applyQuaternion(quaternion).add(position).toArray();
  const [a, b, c, d, eye] = [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1), position.toArray()];
  const [left, right, top] = [corner(0.38, 0), corner(0.62, 0), corner(0.5, -0.16)];
  const edges = [a, b, b, c, c, d, d, a, eye, a, eye, b, eye, c, eye, d, left, top, top, right];
  return line(new LineSegments2(), new LineSegmentsGeometry().setPositions(edges.flat()), color, width);
}
