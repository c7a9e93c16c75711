/**
 * Edits of a path. Each takes a path and gives another; none changes what it was given, so undoing is keeping the old one.
 */

import { withFov } from './lens.js';
import { frameOfKey, knots, numSegments, poseAt } from './sample.js';
import { EASINGS, timeOf } from './easing.js';
import { angleBetween, length, subtract } from './quaternion.js';

export const MAX_FRAMES = 64;

let numIds = 0;
const newId = () => `key-${Date.now().toString(36)}-${(numIds += 1)}`;

/** @returns {import('./sample.js').Path} */
export const emptyPath = () => ({ keys: [], frames: 24, imageIndex: 0, closed: false, curve: 'smooth', easing: 'linear' });

/** A key frame at a pose. */
export const makeKey = ({ position, quaternion, lens }, pace = 1) => ({ id: newId(), position, quaternion, lens, pace });

const withKeys = (path, keys) => ({ ...path, keys });

/** A key after the one at `index`; at the end by default. */
export function addKey(path, pose, index = path.keys.length - 1) {
  const pace = path.keys.at(-1)?.pace ?? 1;
  return withKeys(path, path.keys.toSpliced(index + 1, 0, makeKey(pose, pace)));
}

/** The key at `index` moved to another pose. Its pace stays, and its lens unless the pose brings one. */
export function replaceKey(path, index, pose) {
  return withKeys(path, path.keys.with(index, { ...path.keys[index], ...pose }));
}

export const removeKey = (path, index) => withKeys(path, path.keys.toSpliced(index, 1));

export const duplicateKey = (path, index) => addKey(path, path.keys[index], index);

/** The key at `from` taken out and put in as number `to`. */
export function moveKey(path, from, to) {
  return withKeys(path, path.keys.toSpliced(from, 1).toSpliced(to, 0, path.keys[from]));
}

/** A key halfway to the next one, on the curve, so that the path hardly changes. */
export function insertBetween(path, index) {
  const places = knots(path);
  if (index >= numSegments(path)) return duplicateKey(path, index);
  const pose = poseAt(path, timeOf(path.easing, (places[index] + places[index + 1]) / 2));
  const key = { ...path.keys[index], pace: path.keys[index].pace / 2 };
  return withKeys(path, path.keys.with(index, key).toSpliced(index + 1, 0, makeKey(pose, key.pace)));
}

/** Another horizontal field of view in degrees, for one key or for all. */
export function setFov(path, fov, index = null) {
  const change = (key, i) => (index === null || i === index ? { ...key, lens: withFov(key.lens, fov) } : key);
  return withKeys(path, path.keys.map(change));
}

/** Another number of frames; the picture stays at the same moment of the path. */
export function setFrames(path, frames) {
  const share = path.frames > 1 ? path.imageIndex / (path.frames - 1) : 0;
  return { ...path, frames, imageIndex: Math.round(share * (frames - 1)) };
}

/**
 * The keys followed by more. If `more` begins where they end, that pose is not kept twice.
 * @param {{pose: import('./lens.js').Pose, pace: number}[]} more
 */
export function appendKeys(path, more) {
  const last = path.keys.at(-1);
  const added = more.map(({ pose, pace }) => makeKey(pose, pace));
  if (!last || added.length === 0) return withKeys(path, [...path.keys, ...added]);
  const [first] = added;
  const far = length(subtract(last.position, first.position)) > 1e-6 || angleBetween(last.quaternion, first.quaternion) > 1e-6;
  if (far) return withKeys(path, [...path.keys, ...added]);
  return withKeys(path, [...path.keys.with(-1, { ...last, pace: first.pace }), ...added.slice(1)]);
}

/** The same keys in the opposite order; the way between two keys keeps its pace. */
export function reverse(path) {
  const paces = path.keys.map((key) => key.pace);
  const count = path.keys.length;
  const keys = path.keys.toReversed().map((key, i) => {
    const segment = path.closed ? (2 * count - 2 - i) % count : count - 2 - i;
    return { ...key, pace: segment >= 0 ? paces[segment] : key.pace };
  });
  return withKeys(path, keys);
}

/**
 * Paces by the length of each way, so that the camera moves evenly. A turn of one radian counts as one subject's distance.
 * The last key of an open path leads nowhere yet: its pace is an ordinary one, which keys after it take over.
 */
export function evenOut(path, subjectDistance = 2) {
  const ways = path.keys.map((key, i) => {
    const next = path.keys[(i + 1) % path.keys.length];
    return length(subtract(next.position, key.position)) + subjectDistance * angleBetween(next.quaternion, key.quaternion);
  });
  const used = ways.slice(0, numSegments(path));
  const mean = used.reduce((sum, way) => sum + way, 0) / used.length;
  if (!(mean > 0)) return path;
  return withKeys(path, path.keys.map((key, i) => ({ ...key, pace: i < used.length ? Math.max(ways[i] / mean, 0.02) : 1 })));
}

/** The key at `index` met at another frame: the ways before and after it share their time anew. Ends stay. */
export function retimeKey(path, index, frame) {
  const places = knots(path);
  if (index < 1 || index >= places.length - 1) return path;
  const [low, high] = [frameOfKey(path, index - 1), frameOfKey(path, index + 1)];
  const steps = path.closed ? path.frames : path.frames - 1;
  const margin = 0.02 * (high - low);
  const wanted = Math.min(Math.max(frame, low + margin), high - margin) / steps;
  const share = (EASINGS[path.easing](wanted) - places[index - 1]) / (places[index + 1] - places[index - 1]);
  const both = path.keys[index - 1].pace + path.keys[index].pace;
  const keys = path.keys.map((key, i) => {
    if (i === index - 1) return { ...key, pace: both * share };
    return i === index ? { ...key, pace: both * (1 - share) } : key;
  });
  return withKeys(path, keys);
}
