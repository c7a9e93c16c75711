/**
 * Quaternions in the order w x y z, and vectors of three numbers, as plain arrays.
 *
 * The same conventions and formulas as `flashworld.geometry.quaternions`: a rotation and its negated quaternion are the
 * same rotation, and interpolation takes the short way.
 *
 * @typedef {[number, number, number, number]} Quaternion
 * @typedef {[number, number, number]} Vector
 */

export const add = (a, b) => a.map((value, i) => value + b[i]);
export const subtract = (a, b) => a.map((value, i) => value - b[i]);
export const scale = (a, factor) => a.map((value) => value * factor);
export const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
export const length = (a) => Math.hypot(...a);
export const lerp = (a, b, t) => a.map((value, i) => value + (b[i] - value) * t);

/** The same direction with length one. */
export const normalise = (a) => scale(a, 1 / length(a));

/** The vector that is perpendicular to both, right-handed. */
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** Hamilton product: the rotation `left` after the rotation `right`. */
export function multiply([a, b, c, d], [e, f, g, h]) {
  return [
    a * e - b * f - c * g - d * h,
    a * f + b * e + c * h - d * g,
    a * g - b * h + c * e + d * f,
    a * h + b * g - c * f + d * e,
  ];
}

/** The opposite rotation of a unit quaternion. */
export const inverse = ([w, x, y, z]) => [w, -x, -y, -z];

/** A vector turned by a unit quaternion. */
export function rotate(quaternion, vector) {
  return multiply(multiply(quaternion, [0, ...vector]), inverse(quaternion)).slice(1);
}

/** The rotation by `angle` radians about a unit `axis`. */
export function aboutAxis(axis, angle) {
  return [Math.cos(angle / 2), ...scale(axis, Math.sin(angle / 2))];
}

/** Angle in radians, 0 to pi, by which one orientation has to turn to become the other. */
export function angleBetween(a, b) {
  const [w, ...xyz] = multiply(inverse(normalise(a)), normalise(b));
  return 2 * Math.atan2(length(xyz), Math.abs(w));
}

/** Spherical interpolation along the short way; `t` from 0 (start) to 1 (end). */
export function slerp(start, end, t) {
  const from = normalise(start);
  let to = normalise(end);
  const cosine = dot(from, to);
  if (cosine < 0) to = scale(to, -1);
  const angle = Math.acos(Math.min(Math.abs(cosine), 1));
  const sine = Math.sin(angle);
  // Between nearly equal orientations the spherical weights would divide by sin 0.
  const [before, after] = sine < 1e-6 ? [1 - t, t] : [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return normalise(add(scale(from, before), scale(to, after)));
}

/** Axis times angle (radians, up to pi) of a unit quaternion. */
export function rotationVector(quaternion) {
  const [w, ...xyz] = quaternion[0] < 0 ? scale(quaternion, -1) : quaternion;
  const sine = length(xyz);
  return sine < 1e-12 ? [0, 0, 0] : scale(xyz, (2 * Math.atan2(sine, w)) / sine);
}

/** The inverse of `rotationVector`. */
export function fromRotationVector(vector) {
  const angle = length(vector);
  return angle < 1e-12 ? [1, 0, 0, 0] : aboutAxis(scale(vector, 1 / angle), angle);
}
