// Mouse, keys, touch and gamepad move a camera: around what it looks at, or freely. Every motion glides to its end.

import { Quaternion, Vector3 } from './vendor/spark.js';

/** Keys by their place on the keyboard, and the directions of the camera in which they push: right, up, back. */
const MOVES = {
  KeyW: [0, 0, -1], KeyS: [0, 0, 1], KeyA: [-1, 0, 0], KeyD: [1, 0, 0], KeyR: [0, 1, 0], KeyF: [0, -1, 0],
};
/** Keys that turn: to the left, up, counter-clockwise. */
const TURNS = {
  ArrowLeft: [1, 0, 0], ArrowRight: [-1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0], KeyQ: [0, 0, 1], KeyE: [0, 0, -1],
};
const GLIDE_SECONDS = 0.07;
const PUSH_SECONDS = 0.14;
/** In typical lengths of the scene, and in radians. */
const PUSH_PER_SECOND = 0.7;
const TURN_PER_SECOND = 1.2;
const FAST = 3;
const LINE_PIXELS = 16;
const WHEEL_PIXELS = 700;
const DEAD_ZONE = 0.12;
/** Angle above and below the horizon beyond which nobody wants to look. */
const STEEPEST = 1.48;

/**
 * Moves `camera` by what happens on `element`. The owner calls `update` before each picture.
 *
 * All pointing goes through amounts that are still to be carried out (`ahead`), all keys through a velocity: a share of
 * the rest each frame gives the same end on every machine, softly.
 */
export class Controls {
  /** Around what lies ahead, or freely through the scene. @type {'orbit' | 'fly'} */
  mode = 'orbit';
  /** Factor of all speeds. */
  speed = 1;
  enabled = true;
  /** Distance to what lies ahead: the measure of drags and of the wheel. Set by the owner. */
  reach = 1;
  /** A typical length of the scene: the measure of keys, the same wherever the camera is. Set by the owner. */
  unit = 1;
  /** What the camera's yaw turns around. @type {Vector3} */
  up = new Vector3(0, 1, 0);

  #camera;
  #element;
  #depthAhead;
  #keys = new Set();
  #pointers = new Map();
  #ahead = { yaw: 0, pitch: 0, right: 0, up: 0, dolly: 0 };
  #velocity = { move: new Vector3(), turn: new Vector3() };
  #pivotKnown = false;
  #listening = new AbortController();

  /**
   * @param {import('three').PerspectiveCamera} camera
   * @param {HTMLElement} element takes the keyboard focus
   * @param {() => number | null} depthAhead distance to the scene in the middle of the picture
   */
  constructor(camera, element, depthAhead) {
    this.#camera = camera;
    this.#element = element;
    this.#depthAhead = depthAhead;
    const on = (type, handle) =>
      element.addEventListener(type, handle, { signal: this.#listening.signal, passive: false });
    on('pointerdown', (event) => this.#down(event));
    on('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel']) on(type, (event) => this.#pointers.delete(event.pointerId));
    on('wheel', (event) => this.#wheel(event));
    on('contextmenu', (event) => event.preventDefault());
    on('keydown', (event) => this.#key(event));
    on('keyup', (event) => this.#keys.delete(event.code));
    on('blur', () => this.#keys.clear());
  }

  /** The point around which an orbit turns. */
  get pivot() {
    return new Vector3(0, 0, -this.reach).applyQuaternion(this.#camera.quaternion).add(this.#camera.position);
  }

  /** Forgets every motion that is under way, and that the camera's pivot was known. */
  halt() {
    for (const name of Object.keys(this.#ahead)) this.#ahead[name] = 0;
    this.#velocity.move.set(0, 0, 0);
    this.#velocity.turn.set(0, 0, 0);
    this.#pivotKnown = false;
  }

  /**
   * Carries out a frame's share of all motions.
   * @param {number} seconds since the last frame
   * @returns {boolean} whether the camera moved
   */
  update(seconds) {
    if (!this.enabled) return false;
    const camera = this.#camera;
    const before = [...camera.position, ...camera.quaternion];
    this.#push(seconds);
    this.#glide(seconds);
    return [...camera.position, ...camera.quaternion].some((value, i) => Math.abs(value - before[i]) > 1e-9);
  }

  dispose() {
    this.#listening.abort();
  }

  #push(seconds) {
    const { move, turn } = this.#wanted();
    const share = 1 - Math.exp(-seconds / PUSH_SECONDS);
    const fast = this.#keys.has('ShiftLeft') || this.#keys.has('ShiftRight') ? FAST : 1;
    this.#velocity.move.lerp(move.multiplyScalar(PUSH_PER_SECOND * this.unit * this.speed * fast), share);
    this.#velocity.turn.lerp(turn.multiplyScalar(TURN_PER_SECOND), share);
    if (this.#velocity.move.length() > 1e-5 * this.unit) {
      this.#camera.position.add(this.#velocity.move.clone().multiplyScalar(seconds).applyQuaternion(this.#camera.quaternion));
      this.#pivotKnown = false;
    }
    if (this.#velocity.turn.length() > 1e-4) {
      const [yaw, pitch, roll] = this.#velocity.turn.clone().multiplyScalar(seconds);
      this.#turn(yaw, pitch, this.mode === 'orbit' ? this.pivot : this.#camera.position);
      this.#roll(roll);
    }
  }

  #wanted() {
    const move = new Vector3();
    const turn = new Vector3();
    for (const code of this.#keys) {
      if (MOVES[code]) move.add(new Vector3(...MOVES[code]));
      if (TURNS[code]) turn.add(new Vector3(...TURNS[code]));
    }
    for (const pad of gamepads()) {
      if (!pad?.connected || pad.axes.length < 4) continue;
      const [x, y, turnX, turnY] = pad.axes.map((value) => (Math.abs(value) < DEAD_ZONE ? 0 : value));
      move.add(new Vector3(x, (pad.buttons[7]?.value ?? 0) - (pad.buttons[6]?.value ?? 0), y));
      turn.add(new Vector3(-1.5 * turnX, -1.5 * turnY, 0));
    }
    return { move, turn };
  }

  #glide(seconds) {
    const share = 1 - Math.exp(-seconds / GLIDE_SECONDS);
    const now = {};
    for (const [name, rest] of Object.entries(this.#ahead)) {
      now[name] = Math.abs(rest) < 1e-6 ? rest : rest * share;
      this.#ahead[name] -= now[name];
    }
    if (now.yaw || now.pitch) this.#turn(now.yaw, now.pitch, this.mode === 'orbit' ? this.pivot : this.#camera.position);
    if (now.right || now.up || now.dolly) {
      const forward = this.reach * (1 - Math.exp(-now.dolly));
      const step = new Vector3(now.right * this.reach, now.up * this.reach, -forward);
      this.#camera.position.add(step.applyQuaternion(this.#camera.quaternion));
      if (this.mode === 'orbit') this.reach -= forward;
    }
  }

  /** Turns the camera, and its place with it, around a point: yaw about the world's up, then pitch about its own right. */
  #turn(yaw, pitch, pivot) {
    const camera = this.#camera;
    const right = new Vector3(1, 0, 0).applyQuaternion(camera.quaternion);
    const ahead = new Vector3(0, 0, -1).applyQuaternion(camera.quaternion);
    const elevation = Math.asin(Math.min(Math.max(ahead.dot(this.up), -1), 1));
    const limit = Math.max(STEEPEST, Math.abs(elevation));
    const tilt = Math.min(Math.max(elevation + pitch, -limit), limit) - elevation;
    const rotation = new Quaternion().setFromAxisAngle(this.up, yaw);
    rotation.multiply(new Quaternion().setFromAxisAngle(right, tilt));
    if (pivot !== camera.position) camera.position.sub(pivot).applyQuaternion(rotation).add(pivot);
    camera.quaternion.premultiply(rotation).normalize();
  }

  #roll(angle) {
    if (!angle) return;
    const rotation = new Quaternion().setFromAxisAngle(new Vector3(0, 0, 1).applyQuaternion(this.#camera.quaternion), angle);
    this.#camera.quaternion.premultiply(rotation).normalize();
    this.up.applyQuaternion(rotation).normalize();
  }

  #down(event) {
    if (!this.enabled) return;
    this.#element.focus({ preventScroll: true });
    this.#element.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, button: event.button });
    if (!this.#pivotKnown || this.#pointers.size > 1) this.#findPivot();
  }

  /** What is ahead becomes the pivot; in a hole of the scene the old distance stays. */
  #findPivot() {
    this.reach = this.#depthAhead() ?? this.reach;
    this.#pivotKnown = true;
  }

  #move(event) {
    const pointer = this.#pointers.get(event.pointerId);
    if (!pointer || !this.enabled) return;
    const height = this.#element.clientHeight || 1;
    const [dx, dy] = [event.clientX - pointer.x, event.clientY - pointer.y].map((pixels) => pixels / height);
    const others = [...this.#pointers.values()].filter((other) => other !== pointer);
    if (others.length === 1) this.#pinch(pointer, others[0], event, dx, dy);
    else if (pointer.button !== 0 || event.shiftKey) this.#slide(dx, dy);
    else this.#drag(dx, dy, event.pointerType);
    pointer.x = event.clientX;
    pointer.y = event.clientY;
  }

  /** A drag takes the scene along, but a mouse in a flight turns the head. */
  #drag(dx, dy, pointerType) {
    const turn = this.mode === 'orbit' ? -Math.PI : this.#fovY() * (pointerType === 'touch' ? 1 : -1);
    this.#ahead.yaw += turn * dx;
    this.#ahead.pitch += turn * dy;
  }

  #slide(dx, dy) {
    const span = 2 * Math.tan(this.#fovY() / 2);
    this.#ahead.right -= dx * span;
    this.#ahead.up += dy * span;
  }

  #pinch(pointer, other, event, dx, dy) {
    const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
    const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    if (before > 1 && after > 1) this.#ahead.dolly += this.speed * Math.log(after / before);
    this.#slide(dx / 2, dy / 2);
  }

  #wheel(event) {
    if (!this.enabled) return;
    event.preventDefault();
    // Each new turn of the wheel asks anew: steps shrink towards what is ahead, which must not become a wall.
    if (Math.abs(this.#ahead.dolly) < 0.01) this.#findPivot();
    const pixels = event.deltaY * (event.deltaMode === 1 ? LINE_PIXELS : 1) * (event.ctrlKey ? 6 : 1);
    this.#ahead.dolly -= (this.speed * pixels) / WHEEL_PIXELS;
  }

  #key(event) {
    if (!this.enabled || event.ctrlKey || event.metaKey || event.altKey) return;
    this.#keys.add(event.code);
    if (MOVES[event.code] || TURNS[event.code]) event.preventDefault();
  }

  #fovY() {
    return (this.#camera.fov * Math.PI) / 180;
  }
}

/** Frames that a page of another origin embeds may be forbidden to ask. */
function gamepads() {
  try {
    return navigator.getGamepads?.() ?? [];
  } catch {
    return [];
  }
}
