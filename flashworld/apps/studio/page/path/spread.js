/** Keys that lie so close that what is drawn for each would cover the others. */

import { angleBetween, length, subtract } from './quaternion.js';

const NEAR_TURN = 0.35;

/**
 * For each key whether it is the first, the last, or away from the one before it that is: by a distance, by 20 degrees, or
 * by parts of both.
 * @param {import('./lens.js').Pose[]} keys @param {number} near the distance
 * @returns {boolean[]}
 */
export function apart(keys, near) {
  let before = null;
  return keys.map((key, i) => {
    const far = before && length(subtract(key.position, before.position)) / near + angleBetween(key.quaternion, before.quaternion) / NEAR_TURN;
    if (before && far < 1 && i < keys.length - 1) return false;
    before = key;
    return true;
  });
}
