/**
 * A picture and cameras fitted together: the page's half of `flashworld.request.fitting`, whose rules it follows.
 *
 * The page itself always sends a picture of exactly the target's size and intrinsics in the target's pixels, where
 * nothing is left to guess. The guessing is for requests that are imported.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

import { cameraOf, poseOf } from './path/lens.js';

/**
 * The largest box of the target's aspect within a picture.
 * @param {Size} picture @param {Size} target
 * @param {{x: number, y: number}} place 0 for left or top, 1 for right or bottom; the middle by default
 * @returns {Box}
 */
export function cropBox(picture, target, place = { x: 0.5, y: 0.5 }) {
  let { width, height } = picture;
  if (target.width * height > target.height * width) height = (width * target.height) / target.width;
  else width = (height * target.width) / target.height;
  return { x: (picture.width - width) * place.x, y: (picture.height - height) * place.y, width, height };
}

/**
 * The poses of cameras as sent, for pictures of the target's size. Principal points state a size, about 2 cx by 2 cy;
 * whichever of the picture's and the target's size is nearer is what the pixels are of.
 * @param {import('./path/lens.js').Camera[]} cameras @param {Size | null} picture @param {Size} target
 */
export function posesFromRequest(cameras, picture, target) {
  if (!picture || !speakOf(cameras, picture, target)) return cameras.map((camera) => poseOf(camera, target));
  const box = cropBox(picture, target);
  const cut = (camera) => ({ ...camera, cx: camera.cx - box.x, cy: camera.cy - box.y });
  return cameras.map((camera) => poseOf(cut(camera), box));
}

/** The poses as cameras of a request whose picture, if any, has the target's size. */
export const camerasForRequest = (poses, target) => poses.map((pose) => cameraOf(pose, target));

/** Whether the intrinsics are in pixels of the picture, not of the target. */
function speakOf(cameras, picture, target) {
  const stated = { width: 2 * median(cameras.map((camera) => camera.cx)), height: 2 * median(cameras.map((camera) => camera.cy)) };
  if (stated.width <= 0 || stated.height <= 0) return true;
  const distance = (size) => Math.abs(Math.log(stated.width / size.width)) + Math.abs(Math.log(stated.height / size.height));
  return !(distance(target) < distance(picture) - 1e-9);
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
