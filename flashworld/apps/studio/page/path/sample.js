/**
 * From key frames to the cameras that the model gets: one per frame.
 *
 * A straight path agrees with `flashworld.cameras.resample`: orientations spherically along the short way, positions and
 * intrinsics linearly. A smooth one goes through the same keys along cubic curves. Cameras leave as they are shown, one
 * per frame, so the server has nothing left to interpolate.
 *
 * @typedef {import('./lens.js').Pose & {id: string, pace: number}} Key
 *   `pace` is how long the way to the next key takes, relative to the others; 1 unless it was changed
 * @typedef {{keys: Key[], frames: number, imageIndex: number, closed: boolean, curve: 'straight'|'smooth',
 *   easing: string}} Path
 */

import { EASINGS, timeOf } from './easing.js';
import { mixLenses } from './lens.js';
import { add, fromRotationVector, inverse, lerp, multiply, normalise, rotationVector, scale, slerp, subtract } from './quaternion.js';

/** Number of ways between keys: a closed path has one more, back to its first key. */
export const numSegments = ({ keys, closed }) => Math.max(keys.length - (closed && keys.length > 1 ? 0 : 1), 0);

/** The progress, 0..1, at which each segment begins, and 1 at the end. */
export function knots(path) {
  const paces = path.keys.slice(0, numSegments(path)).map((key) => key.pace);
  const total = paces.reduce((sum, pace) => sum + pace, 0);
  const places = [0];
  for (const pace of paces) places.push(places.at(-1) + pace / total);
  if (paces.length > 0) places[places.length - 1] = 1;
  return places;
}

/** The time, 0..1, of a frame. The frames of a closed path end one step before its first key comes again. */
export function timeOfFrame({ frames, closed }, frame) {
  const steps = closed ? frames : frames - 1;
  return steps > 0 ? frame / steps : 0;
}

/** The whole frame nearest to a place among the frames; past the last one of a closed path, its first comes again. */
export function wholeFrame({ frames, closed }, frame) {
  const nearest = Math.round(frame);
  return closed ? nearest % frames : Math.min(nearest, frames - 1);
}

/** The frame, not always a whole one, at which the path is at a key. */
export function frameOfKey(path, index) {
  const steps = path.closed ? path.frames : path.frames - 1;
  if (path.keys.length < 2) return 0;
  const progress = knots(path)[index];
  return progress === 0 ? 0 : progress === 1 ? steps : timeOf(path.easing, progress) * steps;
}

/** The camera at a time from 0 (first key) to 1 (last, or first again), after easing. @returns {import('./lens.js').Pose} */
export function poseAt(path, time) {
  const { keys } = path;
  const last = numSegments(path);
  if (last === 0) return { position: keys[0].position, quaternion: keys[0].quaternion, lens: keys[0].lens };
  const places = knots(path);
  const progress = EASINGS[path.easing](Math.min(Math.max(time, 0), 1));
  let segment = 0;
  while (segment < last - 1 && progress >= places[segment + 1]) segment += 1;
  const duration = places[segment + 1] - places[segment];
  const share = snap((progress - places[segment]) / duration);
  const start = keys[segment];
  const end = keys[(segment + 1) % keys.length];
  const lens = mixLenses(start.lens, end.lens, share);
  if (path.curve === 'straight') {
    return { position: lerp(start.position, end.position, share), quaternion: slerp(start.quaternion, end.quaternion, share), lens };
  }
  const [from, to] = [velocity(path, segment), velocity(path, segment + 1)];
  return {
    position: curve(start.position, end.position, scale(from.move, duration), scale(to.move, duration), share),
    quaternion: turnCurve(start.quaternion, end.quaternion, scale(from.turn, duration), scale(to.turn, duration), share),
    lens,
  };
}

/** The cameras of all frames. @returns {import('./lens.js').Pose[]} */
export function posesOf(path) {
  if (path.keys.length === 0) return [];
  return Array.from({ length: path.frames }, (_, frame) => poseAt(path, timeOfFrame(path, frame)));
}

/** The camera at a frame, which need not be a whole one. */
export const poseAtFrame = (path, frame) => poseAt(path, timeOfFrame(path, frame));

/** A frame that falls on a key is exactly at it, whatever rounding made of its time. */
const snap = (share) => (Math.abs(share) < 1e-9 ? 0 : Math.abs(share - 1) < 1e-9 ? 1 : share);

/**
 * Velocities at a key, in units and radians (about the camera's own axes) per whole path: the mean over both neighbouring
 * segments. At the ends of an open path, so that the curve begins and ends without bending.
 */
function velocity(path, index) {
  const last = numSegments(path);
  if (path.closed) return meanVelocity(path, (index - 1 + last) % last, index % last);
  if (last === 1) return meanVelocity(path, 0, 0);
  if (index > 0 && index < last) return meanVelocity(path, index - 1, index);
  const [segment, inner] = index === 0 ? [0, 1] : [last - 1, last - 1];
  const [mean, next] = [meanVelocity(path, segment, segment), meanVelocity(path, inner - 1, inner)];
  const extend = (name) => subtract(scale(mean[name], 1.5), scale(next[name], 0.5));
  return { move: extend('move'), turn: extend('turn') };
}

/** What two neighbouring segments, or one given twice, cover together, by the time they take. */
function meanVelocity(path, before, after) {
  const { keys } = path;
  const places = knots(path);
  const segments = before === after ? [before] : [before, after];
  let [time, move, turn] = [0, [0, 0, 0], [0, 0, 0]];
  for (const segment of segments) {
    const [start, end] = [keys[segment], keys[(segment + 1) % keys.length]];
    time += places[segment + 1] - places[segment];
    move = add(move, subtract(end.position, start.position));
    turn = add(turn, rotationVector(multiply(inverse(normalise(start.quaternion)), normalise(end.quaternion))));
  }
  return { move: scale(move, 1 / time), turn: scale(turn, 1 / time) };
}

/** Cubic Hermite curve from `start` to `end`; the velocities are per segment. */
function curve(start, end, from, to, t) {
  const blend = (lerped) => (a, b) => lerp(a, b, lerped);
  return casteljau([start, add(start, scale(from, 1 / 3)), subtract(end, scale(to, 1 / 3)), end], blend(t));
}

/** The same among orientations: de Casteljau's construction with spherical interpolation (Shoemake 1985). */
function turnCurve(start, end, from, to, t) {
  const leaving = multiply(normalise(start), fromRotationVector(scale(from, 1 / 3)));
  const arriving = multiply(normalise(end), fromRotationVector(scale(to, -1 / 3)));
  return casteljau([start, leaving, arriving, end], (a, b) => slerp(a, b, t));
}

function casteljau(points, mix) {
  while (points.length > 1) points = points.slice(1).map((point, i) => mix(points[i], point));
  return points[0];
}
