/** From where a whole path is seen. */

import { fovOf, verticalFovOf } from './lens.js';
import { aboutAxis, add, length, multiply, rotate, scale, subtract } from './quaternion.js';

const radians = (degrees) => (degrees * Math.PI) / 180;
/** Above the path and to its right, as somebody stands who watches the camera go. */
const ASIDE = aboutAxis([0, 1, 0], radians(35));
const DOWN = aboutAxis([1, 0, 0], radians(-35));
const MARGIN = 1.05;

/** The corners of what a camera sees at a distance. */
export function cornersAt({ position, quaternion, lens }, distance, { width, height }) {
  const [right, up] = [0.5 / lens.fx, (0.5 * height) / width / lens.fy];
  const corners = [[right, up, -1], [right, -up, -1], [-right, -up, -1], [-right, up, -1]];
  return corners.map((corner) => add(position, rotate(quaternion, scale(corner, distance))));
}

/**
 * A pose that sees all positions, turned with the first of the poses: its up is up.
 * @param {import('./lens.js').Pose[]} poses at least one
 * @param {import('./quaternion.js').Vector[]} others points that are seen too
 * @param {import('./lens.js').Lens} lens
 * @param {import('./lens.js').Size} size of the picture
 * @returns {import('./lens.js').Pose}
 */
export function overviewOf(poses, others, lens, size) {
  const points = [...poses.map(({ position }) => position), ...others];
  const along = (axis, pick) => pick(...points.map((point) => point[axis]));
  const middle = [0, 1, 2].map((axis) => (along(axis, Math.min) + along(axis, Math.max)) / 2);
  const radius = MARGIN * Math.max(...points.map((point) => length(subtract(point, middle))));
  const quaternion = multiply(multiply(poses[0].quaternion, ASIDE), DOWN);
  const narrow = radians(Math.min(fovOf(lens), verticalFovOf(lens, size)));
  const back = rotate(quaternion, [0, 0, 1]);
  return { position: add(middle, scale(back, radius / Math.sin(narrow / 2))), quaternion, lens };
}
