// A scene of Gaussians in real time: the view that the studio, the Space and viewer.html share.
//
// The world is the request's world in three.js's axes. `WorldView` joins the parts: where it stands and through which lens
// it looks (eye.js, cameras.js), what moves it (controls.js), reading files (splats.js), where the scene lies (extent.js),
// pictures from other cameras (snapshot.js).

import { Group, Quaternion, Scene, SparkRenderer, Vector3, WebGLRenderer } from './vendor/spark.js';
import { posed, poseOf, projection } from './cameras.js';
import { Controls } from './controls.js';
import { Extent } from './extent.js';
import { Eye } from './eye.js';
import { Snapshots } from './snapshot.js';
import { fetchScene, readSplats, sampledCentres } from './splats.js';
import { laidOver, pngOf, stillOf } from './stills.js';

export { letterboxed, poseOf, projection } from './cameras.js';
export { linkCameras } from './link.js';
export { SceneError } from './splats.js';

/** Where the first camera of most requests stands. @type {import('./cameras.js').Pose} */
const ORIGIN = { position: [0, 0, 0], quaternion: [1, 0, 0, 0], fovY: (55 * Math.PI) / 180 };
/** The kernel of the library's rasterisers: 0.3 pixels squared added, opacity as it is, ends where alpha is 1/255. */
const LOOK = { preBlurAmount: 0.3, blurAmount: 0, minAlpha: 1 / 255, maxStdDev: Math.sqrt(2 * Math.log(255)), enableLod: false };
const AHEAD = new Vector3(0, 0, -1);
const LARGEST_RATIO = 2;
/** Seconds; after a longer pause motions go on as if it had been this long. */
const LONGEST_FRAME = 0.1;
/** A home that leans sideways by more than this (the sine) has an up of its own. */
const LEANING = 0.2;

const pause = () => new Promise((resolve) => setTimeout(resolve, 10));

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
  /** `fps` of pictures that follow one another, 0 at rest; `splats` shown. */
  stats = { fps: 0, splats: 0 };
  /** What is drawn over the splats: frustums, paths. Call `invalidate` after a change. */
  overlay = new Group();
  scene = new Scene();

  #listeners = { frame: new Set(), move: new Set(), lost: new Set() };
  #eye;
  #renderer;
  #spark;
  #snapshots = null;
  #mesh = null;
  #extent = new Extent([]);
  #loading = null;
  #stale = true;
  #lastTick = 0;
  #drewLastTick = false;
  #resizing;
  #precise;
  #disposed = false;

  /**
   * @param {HTMLElement} container is filled with a canvas; its CSS background shows through holes of the scene
   * @param {{label?: string, precise?: boolean}} options `label` of the canvas for screen readers; `precise` spends twice
   *   the memory on exact splats (usual where there is a mouse)
   * @throws {NoWebGL}
   */
  constructor(container, { label = '3D view', precise = matchMedia('(pointer: fine)').matches } = {}) {
    this.container = container;
    this.canvas = Object.assign(document.createElement('canvas'), { className: 'world-canvas', tabIndex: 0 });
    this.canvas.setAttribute('role', 'application');
    this.canvas.setAttribute('aria-label', label);
    this.#precise = precise;
    this.#eye = new Eye(() => this.#moved());
    this.#renderer = rendererOn(this.canvas);
    container.classList.add('world-view');
    container.prepend(this.canvas);

    this.#spark = new SplatRenderer({ ...this.#look, onDirty: () => this.invalidate() });
    this.scene.add(this.#spark, this.overlay);
    this.camera = this.#eye.camera;
    this.controls = new Controls(this.camera, this.canvas, () => this.depthAt(0, 0));
    this.canvas.addEventListener('webglcontextlost', () => this.#tell('lost'));
    this.canvas.addEventListener('dblclick', (event) => this.#lookAt(event));
    this.#resizing = new ResizeObserver(() => this.#resize());
    this.#resizing.observe(container);
    this.#resize();
    this.reset();
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
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    try {
      const { bytes, name } = await fetchScene(source, { onProgress, signal });
      signal.throwIfAborted();
      const mesh = await readSplats(bytes, { axes, name, precise: this.#precise, signal });
      const lift = fade && this.#mesh ? laidOver(this.canvas, this.#still()) : null;
      this.#replace(mesh);
      if (!keepCamera) this.reset();
      await this.settled();
      lift?.(fade);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return !signal.aborted;
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
    this.#extent = new Extent(mesh ? sampledCentres(mesh) : []);
    this.controls.unit = this.#unit();
    this.#eye.measure(this.controls.unit);
    this.stats.splats = mesh ? mesh.splats.getNumSplats() : 0;
  }

  /** Resolves once what is drawn is the present scene, sorted for the present camera unless that moves on. */
  async settled() {
    const spark = this.#spark;
    const update = () => spark.update({ scene: this.scene, camera: this.camera });
    await update();
    while (!this.#disposed && !this.#isDrawn) {
      await pause();
      // While it sorts, Spark drops an update that brings other splats.
      if (!spark.sorting && !this.#isDrawn) await update();
    }
    const place = JSON.stringify(this.pose());
    while (!this.#disposed && (spark.sorting || spark.sortDirty) && JSON.stringify(this.pose()) === place) await pause();
    if (!this.#disposed) this.#draw();
  }

  /** Whether Spark draws the present splats, and not those before. */
  get #isDrawn() {
    const { mapping } = this.#spark.display;
    return this.#mesh ? mapping.some(({ node }) => node === this.#mesh) : mapping.length === 0;
  }

  // --- The camera --------------------------------------------------------------------------------------------------

  /** @returns {import('./cameras.js').Pose} */
  pose() {
    return this.#eye.pose;
  }

  /**
   * Goes to a pose, at once or in a smooth flight that any touch of the controls ends.
   * @param {Partial<import('./cameras.js').Pose>} pose what is missing stays
   * @param {{seconds?: number}} options
   */
  setPose(pose, { seconds = 0 } = {}) {
    this.controls.halt();
    this.#eye.goTo(pose, { seconds });
  }

  /** Vertical field of view in radians. A view that is higher than wide has it across its width. */
  get fovY() {
    return this.#eye.fovY;
  }

  set fovY(radians) {
    this.#eye.fovY = radians;
  }

  /**
   * Looks through a request's camera: its picture lies, as large as fits, in the middle of the view. Until the field of
   * view is set again the view keeps these intrinsics, wherever it moves.
   * @param {import('./cameras.js').Camera} camera
   * @param {number} width of its picture in pixels
   * @param {number} height
   * @param {{seconds?: number}} options for a smooth flight
   */
  lookThrough(camera, width, height, { seconds = 0 } = {}) {
    this.controls.halt();
    this.#eye.goTo(poseOf(camera, height), { seconds, frame: { camera, width, height } });
  }

  /**
   * Where the picture of `lookThrough` lies in the container, in CSS pixels, and the camera in these pixels.
   * @returns {ReturnType<typeof import('./cameras.js').letterboxed> | null} null while looking through no camera
   */
  frameRect() {
    return this.#eye.frameRect;
  }

  /** Goes back to `home`; a scene that is not seen from there is shown as a whole. */
  reset({ seconds = 0 } = {}) {
    const lost = !this.#extent.isEmpty && !this.#extent.isSeenFrom(this.home);
    const pose = lost ? this.#extent.overview(ORIGIN.fovY) : this.home;
    const { position, quaternion } = posed(pose);
    this.setPose(pose, { seconds });
    this.controls.up.copy(upOf(quaternion));
    this.controls.reach = this.#extent.depthAlong(position, AHEAD.clone().applyQuaternion(quaternion)) ?? this.#unit();
  }

  /**
   * Distance to the scene along a ray of the view.
   * @param {number} x of the ray, from -1 (left edge) to 1
   * @param {number} y from -1 (lower edge) to 1
   * @returns {number | null} null where there is nothing
   */
  depthAt(x, y) {
    return this.#extent.depthAlong(this.camera.position, this.#eye.ray(x, y));
  }

  /** What was double-clicked moves to the middle. */
  #lookAt({ offsetX, offsetY }) {
    const [x, y] = [(2 * offsetX) / this.container.clientWidth - 1, 1 - (2 * offsetY) / this.container.clientHeight];
    if (this.depthAt(x, y) === null) return;
    const ahead = AHEAD.clone().applyQuaternion(this.camera.quaternion);
    const turned = new Quaternion().setFromUnitVectors(ahead, this.#eye.ray(x, y)).multiply(this.camera.quaternion);
    this.setPose({ quaternion: [turned.w, turned.x, turned.y, turned.z] }, { seconds: 0.5 });
  }

  /** A length that is typical of the scene. */
  #unit() {
    return this.#extent.medianDepth(posed(this.home).position) ?? 1;
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
    const picture = await this.#snapshots.take(camera, width, height, this.overlay);
    Object.assign(canvas, { width, height });
    canvas.getContext('2d').putImageData(picture, 0, 0);
  }

  /** What is seen now, background included, as a PNG. @returns {Promise<Blob>} */
  screenshot() {
    return pngOf(this.#still(), getComputedStyle(this.container).backgroundColor);
  }

  #still() {
    this.#draw();
    return stillOf(this.canvas);
  }

  #draw() {
    this.#stale = false;
    this.#renderer.render(this.scene, this.camera);
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

  /** Calls back with the pose whenever place or lens have changed. @returns {() => void} ends it */
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

  #tell(event, ...facts) {
    for (const callback of this.#listeners[event]) callback(...facts);
  }

  #moved() {
    this.invalidate();
    this.#tell('move', this.pose());
  }

  #tick(now) {
    const seconds = Math.min((now - this.#lastTick) / 1000, LONGEST_FRAME);
    this.#lastTick = now;
    if (this.controls.update(seconds)) {
      this.#eye.halt();
      this.camera.updateMatrixWorld();
      this.#moved();
    }
    this.#eye.update(seconds);
    this.#tell('frame', seconds);
    this.#count(this.#stale, seconds);
    if (this.#stale) this.#draw();
  }

  #count(draws, seconds) {
    const rate = 1 / Math.max(seconds, 1e-3);
    if (draws && this.#drewLastTick) this.stats.fps += (rate - this.stats.fps) * (this.stats.fps ? 0.1 : 1);
    else if (!draws && !this.#drewLastTick) this.stats.fps = 0;
    this.#drewLastTick = draws;
  }

  #resize() {
    const { clientWidth, clientHeight } = this.container;
    if (!clientWidth || !clientHeight) return;
    this.#renderer.setPixelRatio(Math.min(devicePixelRatio, LARGEST_RATIO));
    this.#renderer.setSize(clientWidth, clientHeight, false);
    this.#eye.resize(clientWidth, clientHeight);
    this.#draw();
  }

  /** Stops and frees everything. */
  dispose() {
    this.#disposed = true;
    for (const callbacks of Object.values(this.#listeners)) callbacks.clear();
    this.#renderer.setAnimationLoop(null);
    this.#resizing.disconnect();
    this.controls.dispose();
    this.clear();
    this.canvas.remove();
    this.#free();
  }

  /** Spark reads from the graphics card while it sorts; taking that away meanwhile is an error that nobody can catch. */
  async #free() {
    const latest = performance.now() + 5000; // a sorting that has failed never ends
    while ((this.#spark.sorting || this.#spark.sortDirty) && performance.now() < latest) await pause();
    this.#snapshots?.dispose();
    this.#spark.dispose();
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
  }
}

function rendererOn(canvas) {
  const context = canvas.getContext('webgl2', { alpha: true, antialias: false });
  if (!context) throw new NoWebGL();
  const renderer = new WebGLRenderer({ canvas, context });
  renderer.setClearColor(0x000000, 0);
  return renderer;
}

/** What is up for somebody who looks this way: y of the world, or the camera's own where it leans. */
function upOf(quaternion) {
  const right = new Vector3(1, 0, 0).applyQuaternion(quaternion);
  const own = new Vector3(0, 1, 0).applyQuaternion(quaternion);
  return Math.abs(right.y) > LEANING || own.y < LEANING ? own : new Vector3(0, 1, 0);
}
