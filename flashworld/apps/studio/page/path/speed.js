/** How fast a path moves and turns from frame to frame. */

import { angleBetween, length, subtract } from './quaternion.js';

/**
 * Steps between neighbouring frames: distances in units of the world and turns in degrees. A closed path has one more,
 * from its last frame to its first.
 * @param {import('./lens.js').Pose[]} poses
 * @returns {{moves: number[], turns: number[]}}
 */
export function speedOf(poses, closed = false) {
  const pairs = poses.slice(1).map((pose, i) => [poses[i], pose]);
  if (closed && poses.length > 1) pairs.push([poses.at(-1), poses[0]]);
  return {
    moves: pairs.map(([a, b]) => length(subtract(b.position, a.position))),
    turns: pairs.map(([a, b]) => (angleBetween(a.quaternion, b.quaternion) * 180) / Math.PI),
  };
}
