// Where a scene is, told by a sample of its splats: what lies ahead, how far, from where it is seen as a whole.

import { Vector3 } from './vendor/spark.js';
import { posed } from './cameras.js';

/** Within this angle of a ray splats count as lying on it; the cosine. */
const ALONG = Math.cos(0.09);
/** Share of the scene that has to be seen from a place for it to be one to start from. */
const ENOUGH = 0.05;

export class Extent {
  #centres;

  /** @param {Vector3[]} centres of splats, in the world */
  constructor(centres) {
    this.#centres = centres;
  }

  get isEmpty() {
    return this.#centres.length === 0;
  }

  /**
   * Distance to the scene along a ray: a third of the splats around it are nearer.
   * @param {Vector3} position
   * @param {Vector3} ray of length 1
   * @returns {number | null} null where there is nothing
   */
  depthAlong(position, ray) {
    const offset = new Vector3();
    const depths = [];
    for (const centre of this.#centres) {
      const depth = offset.copy(centre).sub(position).length();
      if (offset.dot(ray) > ALONG * depth) depths.push(depth);
    }
    return depths.length ? quantile(depths, 1 / 3) : null;
  }

  /** Median distance of the splats from a place; null for an empty scene. @param {Vector3} position */
  medianDepth(position) {
    if (this.isEmpty) return null;
    return Math.max(quantile(this.#centres.map((centre) => centre.distanceTo(position)), 0.5), 1e-6);
  }

  /** Whether enough of the scene lies in front of a pose. @param {import('./cameras.js').Pose} pose */
  isSeenFrom(pose) {
    const { position, quaternion } = posed(pose);
    const cameraFromWorld = quaternion.clone().invert();
    const slope = Math.tan(pose.fovY / 2);
    const seen = this.#centres.filter((centre) => {
      const { x, y, z } = centre.clone().sub(position).applyQuaternion(cameraFromWorld);
      return z < 0 && Math.abs(x) < -z * slope && Math.abs(y) < -z * slope;
    });
    return seen.length > ENOUGH * this.#centres.length;
  }

  /**
   * A pose from which the bulk of the scene is seen, looking along -z.
   * @param {number} fovY
   * @returns {import('./cameras.js').Pose}
   */
  overview(fovY) {
    const middle = new Vector3(...[0, 1, 2].map((axis) => quantile(this.#centres.map((centre) => centre.getComponent(axis)), 0.5)));
    const radius = quantile(this.#centres.map((centre) => centre.distanceTo(middle)), 0.9);
    const [x, y, z] = middle;
    return { position: [x, y, z + (1.1 * radius) / Math.tan(fovY / 2)], quaternion: [1, 0, 0, 0], fovY };
  }
}

function quantile(values, share) {
  return values.sort((a, b) => a - b)[Math.floor(share * (values.length - 1))];
}
