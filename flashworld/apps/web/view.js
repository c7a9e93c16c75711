// A scene of Gaussians in real time: the view that the studio, the Space and viewer.html share.
//
// The world is the request's world in three.js's axes. `WorldView` owns the picture; moving is in controls.js, reading
// files in splats.js, intrinsics in cameras.js, pictures from other cameras in snapshot.js.

import { Group, PerspectiveCamera, Quaternion, Scene, SparkRenderer, Vector3, WebGLRenderer } from './vendor/spark.js';
import { letterboxed, posed, poseOf, projection } from './cameras.js';
import { Controls } from './controls.js';
import { Snapshots } from './snapshot.js';
import { fetchScene, readSplats, sampledCentres } from './splats.js';

export { letterboxed, poseOf, projection } from './cameras.js';
export { SceneError } from './splats.js';

/** Where the first camera of most requests stands. @type {import('./cameras.js').Pose} */
const ORIGIN = { position: [0, 0, 0], quaternion: [1, 0, 0, 0], fovY: (55 * Math.PI) / 180 };
/** The kernel of the library's rasterisers: 0.3 pixels squared added, opacity as it is, ends where alpha is 1/255. */
const LOOK = { preBlurAmount: 0.3, blurAmount: 0, minAlpha: 1 / 255, maxStdDev: Math.sqrt(2 * Math.log(255)), enableLod: false };
const LARGEST_RATIO = 2;
/** Half the angle within which splats count as lying straight ahead. */
const AHEAD_COSINE = Math.cos(0.09);
const LONGEST_FRAME = 0.1;

/** Blends splats as the sRGB values that they are, into canvases and textures alike. */
class SplatRenderer extends SparkRenderer {
  onBeforeRender(...context) {
    super.onBeforeRender(...context);
    this.uniforms.encodeLinear.value = false;
  }
}

/** This browser or this machine cannot draw in three dimensions. */
export class NoWebGL extends Error {
  constructor() {
    super('This browser offers no WebGL 2, which showing a world needs. Try a current browser with graphics acceleration.');
    this.name = 'NoWebGL';
    this.reason = 'webgl';
  }
}

export class WorldView {
  /** Where `reset` leads. @type {import('./cameras.js').Pose} */
  home = ORIGIN;
  /** `fps` of the pictures drawn lately, `splats` shown. */
  stats = { fps: 0, splats: 0 };

  #renderer;
  #spark;
  #snapshots = null;
  #mesh = null;
  #centres = [];
  #frame = null;
  #fovY = ORIGIN.fovY;
  #flight = null;
  #loading = null;
  #stale = true;
  #lastTick = 0;
  #lastDrawn = 0;
  #listeners = { frame: new Set(), move: new Set(), lost: new Set() };
  #resizing;
  #precise;

  /**
   * @param {HTMLElement} container is filled with a canvas; its CSS background shows through holes of the scene
   * @param {{label?: string, precise?: boolean}} options `label` of the canvas for screen readers; `precise` spends twice
   *   the memory on exact splats (usual where there is a mouse)
   * @throws {NoWebGL}
   */
  constructor(container, { label = '3D view', precise = matchMedia('(pointer: fine)').matches } = {}) {
    this.container = container;
    this.#precise = precise;
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { className: 'world-canvas', tabIndex: 0 });
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', label);
    this.#renderer = rendererOn(canvas);
    container.classList.add('world-view');
    container.prepend(canvas);
    this.canvas = canvas;

    this.scene = new Scene();
    this.overlay = new Group();
    this.camera = new PerspectiveCamera();
    this.#spark = new SplatRenderer({ ...this.#look, onDirty: () => this.invalidate() });
    this.scene.add(this.#spark, this.overlay);
    this.controls = new Controls(this.camera, canvas, () => this.depthAt(0, 0));
    this.setPose(ORIGIN);

    canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault();
      for (const tell of this.#listeners.lost) tell();
    });
    canvas.addEventListener('dblclick', (event) => this.#lookAt(event));
    this.#resizing = new ResizeObserver(() => this.#resize());
    this.#resizing.observe(container);
    this.#resize();
    this.#renderer.setAnimationLoop((now) => this.#tick(now));
  }

  get #look() {
    return { ...LOOK, renderer: this.#renderer, accumExtSplats: this.#precise };
  }

  // --- The scene ---------------------------------------------------------------------------------------------------

  /**
   * Replaces the splats. The old ones stay until the new are ready to be drawn, so nothing flashes. A later call, and
   * `clear`, overtakes an earlier one.
   * @param {string | ArrayBuffer | Blob} source address or content of a PLY, SPZ, SOG, SPLAT or KSPLAT file
   * @param {object} options
   * @param {boolean} [options.keepCamera] else the view goes to `home`, or where the whole scene is seen
   * @param {string} [options.axes] see `readSplats`
   * @param {number} [options.fade] seconds over which the old picture melts into the new
   * @param {(fraction: number | null) => void} [options.onProgress] of the download
   * @returns {Promise<boolean>} false where a later call came first
   * @throws {SceneError}
   */
  async show(source, { keepCamera = false, axes = 'auto', fade = 0, onProgress } = {}) {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    const { signal } = loading;
    try {
      const { bytes, name } = await fetchScene(source, { onProgress, signal });
      if (signal.aborted) return false;
      const mesh = await readSplats(bytes, { axes, name, precise: this.#precise });
      if (signal.aborted) {
        mesh.dispose();
        return false;
      }
      const veil = fade && this.#mesh ? this.#veil() : null;
      this.#replace(mesh);
      if (!keepCamera) this.reset();
      await this.settled();
      veil?.lift(fade);
      return !signal.aborted;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  /** Takes the splats away; the overlay stays. */
  clear() {
    this.#loading?.abort();
    this.#replace(null);
  }

  #replace(mesh) {
    const old = this.#mesh;
    if (old) this.scene.remove(old);
    if (mesh) this.scene.add(mesh);
    old?.dispose();
    this.#mesh = mesh;
    this.#centres = mesh ? sampledCentres(mesh) : [];
    this.stats.splats = mesh ? mesh.splats.getNumSplats() : 0;
    this.invalidate();
  }

  /** Resolves once what is drawn is the present scene, sorted for the present camera. */
  async settled() {
    const spark = this.#spark;
    await spark.update({ scene: this.scene, camera: this.camera });
    while (spark.sorting || spark.sortDirty || spark.display !== spark.current) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#draw();
  }

  // --- The camera --------------------------------------------------------------------------------------------------

  /** @returns {import('./cameras.js').Pose} */
  pose() {
    const { x, y, z, w } = this.camera.quaternion;
    return { position: this.camera.position.toArray(), quaternion: [w, x, y, z], fovY: this.#fovY };
  }

  /**
   * Goes to a pose, at once or in a smooth flight that any touch of the controls ends.
   * @param {{position?: number[], quaternion?: number[], fovY?: number}} pose what is missing stays
   * @param {{seconds?: number}} options
   */
  setPose(pose, { seconds = 0 } = {}) {
    const target = { ...this.pose(), ...pose };
    this.controls.halt();
    if (pose.fovY) this.#frame = null;
    if (!seconds || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this.#flight = null;
      this.#place(posed(target), target.fovY);
      return;
    }
    const from = { position: this.camera.position.clone(), quaternion: this.camera.quaternion.clone(), fovY: this.#fovY };
    this.#flight = { from, to: { ...posed(target), fovY: target.fovY }, seconds, past: 0 };
  }

  /** Vertical field of view in radians. */
  get fovY() {
    return this.#fovY;
  }

  set fovY(radians) {
    this.#frame = null;
    this.#fovY = Math.min(Math.max(radians, 0.05), 2.8);
    this.#focus();
  }

  /**
   * Looks through a request's camera: its picture lies, as large as fits, in the middle of the view. Until the field of
   * view is set again the view keeps these intrinsics, wherever it moves.
   * @param {import('./cameras.js').Camera} camera
   * @param {number} width of its picture in pixels
   * @param {number} height
   */
  lookThrough(camera, width, height) {
    this.setPose({ ...poseOf(camera, height), fovY: undefined });
    this.#frame = { camera, width, height };
    this.#focus();
  }

  /** Where the picture of `lookThrough` lies in the container, in CSS pixels; null without one. */
  frameRect() {
    if (!this.#frame) return null;
    const { camera, width, height } = this.#frame;
    return letterboxed(camera, width, height, this.container.clientWidth, this.container.clientHeight);
  }

  /** Goes back to `home`; a scene that is not seen from there is shown as a whole. */
  reset({ seconds = 0 } = {}) {
    this.controls.up.set(0, 1, 0);
    if (this.home !== ORIGIN) this.controls.up.applyQuaternion(posed(this.home).quaternion);
    this.setPose(this.#centres.length && !this.#isSeenFrom(this.home) ? this.#overview() : this.home, { seconds });
    this.controls.reach = this.depthAt(0, 0) ?? this.#medianDepth() ?? 1;
  }

  /**
   * Distance to the scene along a ray of the view: the median of the nearer splats around it.
   * @param {number} x of the ray, from -1 (left edge) to 1
   * @param {number} y from -1 (lower edge) to 1
   * @returns {number | null} null where there is nothing
   */
  depthAt(x, y) {
    this.camera.updateMatrixWorld();
    const ray = new Vector3(x, y, 0.5).unproject(this.camera).sub(this.camera.position).normalize();
    const depths = this.#centres
      .map((centre) => centre.clone().sub(this.camera.position))
      .filter((offset) => offset.dot(ray) > AHEAD_COSINE * offset.length())
      .map((offset) => offset.length())
      .sort((a, b) => a - b);
    return depths.length ? depths[Math.floor(depths.length / 3)] : null;
  }

  // --- Pictures ----------------------------------------------------------------------------------------------------

  /** See `projection` in cameras.js: the one place where intrinsics become a projection. */
  projection(camera, width, height) {
    return projection(camera, width, height, this.camera.near, this.camera.far);
  }

  /**
   * Draws what the model's camera sees: same intrinsics, same aspect, on white, without the overlay.
   * @param {import('./cameras.js').Camera} camera intrinsics in pixels of width x height
   * @param {number} width
   * @param {number} height
   * @param {HTMLCanvasElement} canvas gets this size
   */
  async renderFrom(camera, width, height, canvas) {
    this.#snapshots ??= new Snapshots(this.#renderer, this.scene, this.#look);
    const target = new OffscreenCanvas(width, height);
    await this.#snapshots.take(camera, width, height, target.getContext('2d'), [this.overlay]);
    Object.assign(canvas, { width, height });
    canvas.getContext('2d').drawImage(target, 0, 0);
  }

  /** What is seen now, background included, as a PNG. @returns {Promise<Blob>} */
  screenshot() {
    const still = this.#still();
    const ground = document.createElement('canvas');
    Object.assign(ground, { width: still.width, height: still.height });
    const context = ground.getContext('2d');
    context.fillStyle = getComputedStyle(this.container).backgroundColor;
    context.fillRect(0, 0, ground.width, ground.height);
    context.drawImage(still, 0, 0);
    return new Promise((resolve) => ground.toBlob(resolve, 'image/png'));
  }

  /** A copy of the picture; a canvas of WebGL can be read only in the turn in which it was drawn. */
  #still() {
    this.#draw();
    const copy = document.createElement('canvas');
    Object.assign(copy, { width: this.canvas.width, height: this.canvas.height });
    copy.getContext('2d').drawImage(this.canvas, 0, 0);
    return copy;
  }

  /** The present picture laid over the view, to be faded out once the next one is there. */
  #veil() {
    const still = this.#still();
    still.className = 'world-veil';
    still.setAttribute('aria-hidden', 'true');
    this.canvas.after(still);
    const lift = (seconds) => {
      const fading = still.animate([{ opacity: 1 }, { opacity: 0 }], { duration: 1000 * seconds, easing: 'ease-in-out' });
      fading.finished.finally(() => still.remove());
    };
    return { lift };
  }

  // --- Time --------------------------------------------------------------------------------------------------------

  /** Asks for a new picture; needed after changes to `scene` or `overlay`. */
  invalidate() {
    this.#stale = true;
  }

  /** Calls back before each frame with the seconds since the last. @returns {() => void} ends it */
  onFrame(callback) {
    return this.#listen('frame', callback);
  }

  /** Calls back with the pose whenever the camera has moved. @returns {() => void} ends it */
  onMove(callback) {
    return this.#listen('move', callback);
  }

  /** Calls back when the graphics card has dropped the view; only loading the page anew helps. @returns {() => void} */
  onLost(callback) {
    return this.#listen('lost', callback);
  }

  #listen(event, callback) {
    this.#listeners[event].add(callback);
    return () => this.#listeners[event].delete(callback);
  }

  /** Stops and frees everything. */
  dispose() {
    this.#loading?.abort();
    this.#renderer.setAnimationLoop(null);
    this.#resizing.disconnect();
    this.controls.dispose();
    this.#replace(null);
    this.#snapshots?.dispose();
    this.#spark.dispose();
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
    this.canvas.remove();
  }

  #tick(now) {
    const seconds = Math.min((now - this.#lastTick) / 1000, LONGEST_FRAME);
    this.#lastTick = now;
    if (this.controls.update(seconds)) {
      this.#flight = null;
      this.#moved();
    }
    if (this.#flight) this.#fly(seconds);
    for (const callback of this.#listeners.frame) callback(seconds);
    if (this.#stale) this.#draw(now);
  }

  #draw(now = 0) {
    this.#stale = false;
    this.#renderer.render(this.scene, this.camera);
    const interval = now - this.#lastDrawn;
    if (now && interval < 500) this.stats.fps += (1000 / Math.max(interval, 1) - this.stats.fps) * 0.1;
    if (now) this.#lastDrawn = now;
  }

  #fly(seconds) {
    const flight = this.#flight;
    flight.past = Math.min(flight.past + seconds / flight.seconds, 1);
    const eased = flight.past * flight.past * (3 - 2 * flight.past);
    const { from, to } = flight;
    const place = {
      position: new Vector3().lerpVectors(from.position, to.position, eased),
      quaternion: new Quaternion().slerpQuaternions(from.quaternion, to.quaternion, eased),
    };
    this.#place(place, from.fovY + (to.fovY - from.fovY) * eased);
    if (flight.past === 1) this.#flight = null;
  }

  #place({ position, quaternion }, fovY) {
    this.camera.position.copy(position);
    this.camera.quaternion.copy(quaternion);
    if (fovY) this.#fovY = fovY;
    this.#focus();
  }

  /** The projection of the field of view, or of the camera that the view looks through. */
  #focus() {
    const { clientWidth: width, clientHeight: height } = this.container;
    const unit = this.#medianDepth() ?? 1;
    Object.assign(this.camera, { near: 0.01 * Math.min(unit, 1), far: 1000 * Math.max(unit, 1) });
    const rect = this.frameRect();
    if (rect) {
      this.#fovY = poseOf(rect.camera, height).fovY;
      this.camera.projectionMatrix.copy(this.projection(rect.camera, width, height));
      this.camera.projectionMatrixInverse.copy(this.camera.projectionMatrix).invert();
    }
    this.camera.fov = (this.#fovY * 180) / Math.PI;
    this.camera.aspect = width / Math.max(height, 1);
    if (!rect) this.camera.updateProjectionMatrix();
    this.#moved();
  }

  #moved() {
    this.camera.updateMatrixWorld();
    this.invalidate();
    for (const callback of this.#listeners.move) callback(this.pose());
  }

  #resize() {
    const { clientWidth, clientHeight } = this.container;
    if (!clientWidth || !clientHeight) return;
    this.#renderer.setPixelRatio(Math.min(devicePixelRatio, LARGEST_RATIO));
    this.#renderer.setSize(clientWidth, clientHeight, false);
    this.#focus();
    this.#draw();
  }

  // --- Where the scene is ------------------------------------------------------------------------------------------

  #medianDepth() {
    if (!this.#centres.length) return null;
    const home = posed(this.home).position;
    const depths = this.#centres.map((centre) => centre.distanceTo(home)).sort((a, b) => a - b);
    return Math.max(depths[depths.length >> 1], 1e-6);
  }

  /** Whether enough of the scene lies in front of a pose for it to be a place to start from. */
  #isSeenFrom(pose) {
    const { position, quaternion } = posed(pose);
    const turn = quaternion.clone().invert();
    const slope = Math.tan(pose.fovY / 2);
    const seen = this.#centres.filter((centre) => {
      const { x, y, z } = centre.clone().sub(position).applyQuaternion(turn);
      return z < 0 && Math.abs(x) < -z * slope * 1.5 && Math.abs(y) < -z * slope;
    });
    return seen.length > 0.05 * this.#centres.length;
  }

  /** A pose from which the bulk of the scene is seen, along -z. */
  #overview() {
    const median = [0, 1, 2].map((axis) => {
      const values = this.#centres.map((centre) => centre.getComponent(axis)).sort((a, b) => a - b);
      return values[values.length >> 1];
    });
    const middle = new Vector3(...median);
    const radii = this.#centres.map((centre) => centre.distanceTo(middle)).sort((a, b) => a - b);
    const distance = (1.1 * radii[Math.floor(0.9 * radii.length)]) / Math.tan(ORIGIN.fovY / 2);
    return { ...ORIGIN, position: [median[0], median[1], median[2] + distance] };
  }

  /** What was double-clicked moves to the middle. */
  #lookAt({ offsetX, offsetY }) {
    const x = (2 * offsetX) / this.container.clientWidth - 1;
    const y = 1 - (2 * offsetY) / this.container.clientHeight;
    const depth = this.depthAt(x, y);
    if (depth === null) return;
    const ray = new Vector3(x, y, 0.5).unproject(this.camera).sub(this.camera.position).normalize();
    const ahead = new Vector3(0, 0, -1).applyQuaternion(this.camera.quaternion);
    const turned = new Quaternion().setFromUnitVectors(ahead, ray).multiply(this.camera.quaternion);
    this.setPose({ quaternion: [turned.w, turned.x, turned.y, turned.z] }, { seconds: 0.5 });
  }
}

/**
 * Lets two views always look from the same place.
 * @param {WorldView} one
 * @param {WorldView} other follows at once
 * @returns {() => void} ends it
 */
export function linkCameras(one, other) {
  let following = false;
  const follow = (leader, follower) => () => {
    if (following) return;
    following = true;
    follower.setPose(leader.pose());
    follower.controls.reach = leader.controls.reach;
    follower.controls.up.copy(leader.controls.up);
    following = false;
  };
  const ends = [one.onMove(follow(one, other)), other.onMove(follow(other, one))];
  follow(one, other)();
  return () => ends.forEach((end) => end());
}

function rendererOn(canvas) {
  if (!canvas.getContext('webgl2', { alpha: true, antialias: false, premultipliedAlpha: true })) throw new NoWebGL();
  const renderer = new WebGLRenderer({ canvas, antialias: false, alpha: true, context: canvas.getContext('webgl2') });
  renderer.setClearColor(0x000000, 0);
  return renderer;
}
