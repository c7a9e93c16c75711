/**
 * Few key frames for many cameras: beginning with the ends, the camera that the curve through the keys so far misses most
 * becomes a key, until none is missed by more than a tolerance. Keys keep their times, so the pace is kept too.
 */

import { angleBetween, length, subtract } from './quaternion.js';
import { poseAt } from './sample.js';

/**
 * @param {import('./lens.js').Pose[]} poses
 * @param {number[]} times when each was taken, rising
 * @param {'straight'|'smooth'} curve how the path will go from key to key
 * @param {{distance?: number, degrees?: number, zoom?: number}} tolerance `distance` and `zoom` are shares: of the path's
 *   reach, and of the focal length
 * @returns {{pose: import('./lens.js').Pose, pace: number}[]} paces have the mean 1
 */
export function simplify(poses, times, curve, { distance = 0.02, degrees = 1, zoom = 0.02 } = {}) {
  if (poses.length < 2) return poses.map((pose) => ({ pose, pace: 1 }));
  const reach = Math.max(...poses.map((pose) => length(subtract(pose.position, poses[0].position))), 1e-9);
  const error = (pose, guess) =>
    Math.max(
      length(subtract(pose.position, guess.position)) / (reach * distance),
      (angleBetween(pose.quaternion, guess.quaternion) * 180) / Math.PI / degrees,
      Math.abs(pose.lens.fx / guess.lens.fx - 1) / zoom,
    );
  let kept = [0, poses.length - 1];
  for (;;) {
    const path = pathOf(kept, poses, times, curve);
    const errors = poses.map((pose, i) => error(pose, poseAt(path, (times[i] - times[0]) / (times.at(-1) - times[0]))));
    const worst = errors.indexOf(Math.max(...errors));
    if (errors[worst] <= 1 || kept.includes(worst)) break;
    kept = [...kept, worst].toSorted((a, b) => a - b);
  }
  return pathOf(kept, poses, times, curve).keys.map(({ pace, ...pose }) => ({ pose, pace }));
}

function pathOf(kept, poses, times, curve) {
  const mean = (times.at(-1) - times[0]) / (kept.length - 1);
  const pace = (i) => (i + 1 < kept.length ? (times[kept[i + 1]] - times[kept[i]]) / mean : 1);
  return { keys: kept.map((index, i) => ({ ...poses[index], pace: pace(i) })), curve, closed: false, easing: 'linear' };
}
