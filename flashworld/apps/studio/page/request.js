/**
 * Between what is being made in the page (the draft) and requests, the JSON objects that clients send.
 *
 * @typedef {{blob: Blob, width: number, height: number, name: string, place: {x: number, y: number}}} Picture
 *   a picture as it was dropped, upright size, and where its crop lies (see `cropBox`)
 * @typedef {{width: number, height: number}} Size
 * @typedef {{path: import('./path/sample.js').Path, picture: Picture | null, prompt: string, size: Size,
 *   seed: number | null, exactSize: boolean, name: string}} Draft
 */

import { camerasForRequest, posesFromRequest } from './fitting.js';
import { emptyPath, makeKey, MAX_FRAMES } from './path/edit.js';
import { posesOf } from './path/sample.js';

/** Seeds that JavaScript's numbers hold exactly; the server takes up to 2^63 - 1. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** @returns {Draft} */
export const emptyDraft = () => ({
  path: emptyPath(),
  picture: null,
  prompt: '',
  size: { width: 704, height: 480 },
  seed: null,
  exactSize: false,
  name: '',
});

/** What is missing before this draft can be made: words for `t()`. */
export function missing(draft) {
  const needs = [];
  if (!draft.picture && !draft.prompt.trim()) needs.push('need.prompt');
  if (draft.path.keys.length === 0) needs.push('need.path');
  return needs;
}

/**
 * The request of a draft: one camera per frame, so what is shown is what is made.
 * @param {Draft} draft @param {string | null} picture the cropped picture as a data URL
 */
export function requestOf(draft, picture) {
  const { path, size, prompt, seed } = draft;
  const name = draft.name.trim();
  return {
    ...(picture ? { image_prompt: picture } : {}),
    text_prompt: prompt,
    cameras: camerasForRequest(posesOf(path), size),
    resolution: [path.frames, size.height, size.width],
    image_index: path.imageIndex,
    ...(seed === null ? {} : { seed }),
    ...(name ? { name } : {}),
  };
}

/**
 * The draft of a request: its cameras become the keys of a straight path, its `image_index` stays.
 * @param {any} request @param {Picture | null} picture the opened `image_prompt`
 * @returns {Draft}
 * @throws {RangeError} with a word for `t()` if it is no request
 */
export function draftOf(request, picture) {
  if (!Array.isArray(request?.cameras) || request.cameras.length === 0) throw new RangeError('import.noCameras');
  const [frames, height, width] = request.resolution ?? [];
  if (![frames, height, width].every(Number.isInteger)) throw new RangeError('import.noResolution');
  if (frames < 1 || frames > MAX_FRAMES) throw new RangeError('import.frames');
  if (!request.cameras.every(isCamera)) throw new RangeError('import.badCamera');
  const poses = posesFromRequest(request.cameras, picture, { width, height });
  const index = Number.isInteger(request.image_index) ? request.image_index : 0;
  return {
    ...emptyDraft(),
    path: pathOf(poses, frames, Math.min(Math.max(index, 0), frames - 1)),
    picture,
    prompt: typeof request.text_prompt === 'string' ? request.text_prompt : '',
    size: { width, height },
    seed: Number.isSafeInteger(request.seed) ? request.seed : null,
    name: typeof request.name === 'string' ? request.name : '',
  };
}

/** Poses as a path that goes straight from one to the next, as the server would resample them. */
export function pathOf(poses, frames, imageIndex = 0) {
  return { ...emptyPath(), keys: poses.map((pose) => makeKey(pose)), frames, imageIndex, curve: 'straight' };
}

function isCamera(camera) {
  const { quaternion, position, fx, fy, cx, cy } = camera ?? {};
  const vectors = [[quaternion, 4], [position, 3]].every(([values, count]) => Array.isArray(values) && values.length === count);
  return vectors && [...quaternion, ...position, fx, fy, cx, cy].every(Number.isFinite) && quaternion.some(Boolean) && fx > 0 && fy > 0;
}
