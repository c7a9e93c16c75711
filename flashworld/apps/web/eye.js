// Where a view stands and through which lens it looks; flights from one place to another.

import { PerspectiveCamera, Quaternion, Vector3 } from './vendor/spark.js';
import { letterboxed, posed, poseOf, projection } from './cameras.js';

const NARROWEST = 0.05;
const WIDEST = 2.8;

/**
 * A three.js camera with its lens: a field of view, or the intrinsics of a request's camera whose picture lies, as large
 * as fits, in the middle of the view.
 */
export class Eye {
  camera = new PerspectiveCamera();
  #fovY = 1;
  #frame = null;
  #flight = null;
  #width = 1;
  #height = 1;
  #unit = 1;
  #onMove;

  /** @param {() => void} onMove called after every change */
  constructor(onMove) {
    this.#onMove = onMove;
  }

  /** @returns {import('./cameras.js').Pose} */
  get pose() {
    const { x, y, z, w } = this.camera.quaternion;
    return { position: this.camera.position.toArray(), quaternion: [w, x, y, z], fovY: this.#fovY };
  }

  get fovY() {
    return this.#fovY;
  }

  /** Takes away a request's intrinsics, too. */
  set fovY(radians) {
    this.#frame = null;
    this.#fovY = Math.min(Math.max(radians, NARROWEST), WIDEST);
    this.#focus();
  }

  /** The picture of a request's camera in pixels of the view; null while the lens is a field of view. */
  get frameRect() {
    if (!this.#frame) return null;
    const { camera, width, height } = this.#frame;
    return letterboxed(camera, width, height, this.#width, this.#height);
  }

  /**
   * @param {Partial<import('./cameras.js').Pose>} pose what is missing stays
   * @param {{seconds?: number, frame?: {camera: import('./cameras.js').Camera, width: number, height: number} | null}}
   *   options how long the flight is; the request's camera whose intrinsics become the lens at its end
   */
  goTo(pose, { seconds = 0, frame = pose.fovY ? null : this.#frame } = {}) {
    const target = { ...this.pose, ...pose };
    const to = { ...posed(target), fovY: target.fovY, frame };
    this.halt();
    if (!seconds || matchMedia('(prefers-reduced-motion: reduce)').matches) return this.#place(to);
    const from = { position: this.camera.position.clone(), quaternion: this.camera.quaternion.clone(), fovY: this.#fovY };
    this.#flight = { from, to, seconds, past: 0 };
  }

  /** Ends a flight where it is. */
  halt() {
    this.#flight = null;
  }

  /** Carries a flight on. @param {number} seconds since the last frame */
  update(seconds) {
    if (!this.#flight) return;
    const { from, to } = this.#flight;
    this.#flight.past += seconds / this.#flight.seconds;
    const share = this.#flight.past;
    if (share >= 1) {
      this.#flight = null;
      return this.#place(to);
    }
    const eased = share * share * (3 - 2 * share);
    this.#place({
      position: new Vector3().lerpVectors(from.position, to.position, eased),
      quaternion: new Quaternion().slerpQuaternions(from.quaternion, to.quaternion, eased),
      fovY: from.fovY + (to.fovY - from.fovY) * eased,
      frame: null,
    });
  }

  /** @param {number} width of the view in CSS pixels */
  resize(width, height) {
    this.#width = Math.max(width, 1);
    this.#height = Math.max(height, 1);
    this.#focus();
  }

  /** Chooses near and far plane for a scene of which `unit` is a typical length. @param {number} unit */
  measure(unit) {
    this.#unit = unit;
    this.#focus();
  }

  /** The direction of a ray, x and y from -1 (left, lower edge) to 1. */
  ray(x, y) {
    return new Vector3(x, y, 0.5).unproject(this.camera).sub(this.camera.position).normalize();
  }

  #place({ position, quaternion, fovY, frame }) {
    this.camera.position.copy(position);
    this.camera.quaternion.copy(quaternion);
    this.#fovY = fovY;
    this.#frame = frame;
    this.#focus();
  }

  #focus() {
    const { camera, frameRect: rect } = this;
    camera.near = 0.01 * Math.min(this.#unit, 1);
    camera.far = 1000 * Math.max(this.#unit, 1);
    camera.aspect = this.#width / this.#height;
    const vertical = 2 * Math.atan(Math.tan(this.#fovY / 2) / Math.min(camera.aspect, 1));
    camera.fov = ((rect ? poseOf(rect.camera, this.#height).fovY : vertical) * 180) / Math.PI;
    camera.updateProjectionMatrix();
    if (rect) {
      camera.projectionMatrix.copy(projection(rect.camera, this.#width, this.#height, camera.near, camera.far));
      camera.projectionMatrixInverse.copy(camera.projectionMatrix).invert();
    }
    camera.updateMatrixWorld();
    this.#onMove();
  }
}
