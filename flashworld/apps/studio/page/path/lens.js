/**
 * Lenses and poses, and their form in a request.
 *
 * A lens holds for every resolution: fx and fy are in widths of the picture, cx in widths, cy in heights. When the
 * aspect changes, the horizontal field of view and the shape of the pixels stay.
 *
 * @typedef {{fx: number, fy: number, cx: number, cy: number}} Lens
 * @typedef {{position: import('./quaternion.js').Vector, quaternion: import('./quaternion.js').Quaternion, lens: Lens}} Pose
 * @typedef {{quaternion: number[], position: number[], fx: number, fy: number, cx: number, cy: number}} Camera
 *   as requests have it: world_from_camera with OpenGL axes, intrinsics in pixels
 * @typedef {{width: number, height: number}} Size
 */

const radians = (degrees) => (degrees * Math.PI) / 180;
const degrees = (angle) => (angle * 180) / Math.PI;

/** A central lens with square pixels and a horizontal field of view in degrees. */
export function lensFromFov(fov) {
  const focal = 0.5 / Math.tan(radians(fov) / 2);
  return { fx: focal, fy: focal, cx: 0.5, cy: 0.5 };
}

/** Horizontal field of view in degrees: the angle that the whole width spans from a central principal point. */
export const fovOf = (lens) => degrees(2 * Math.atan(0.5 / lens.fx));

/** The vertical field of view in degrees that a picture of this size has through the lens. */
export const verticalFovOf = (lens, { width, height }) => degrees(2 * Math.atan((0.5 * height) / (lens.fy * width)));

/** The lens with another horizontal field of view; shape of the pixels and principal point stay. */
export function withFov(lens, fov) {
  const { fx } = lensFromFov(fov);
  return { ...lens, fx, fy: (lens.fy / lens.fx) * fx };
}

/** A lens whose fields of view lie between those of two others. */
export function mixLenses(a, b, t) {
  const between = (name) => a[name] + (b[name] - a[name]) * t;
  return { fx: between('fx'), fy: between('fy'), cx: between('cx'), cy: between('cy') };
}

/** A pose as requests have it, intrinsics in pixels of a picture of `size`. @returns {Camera} */
export function cameraOf({ position, quaternion, lens }, { width, height }) {
  const [fx, fy, cx, cy] = [lens.fx * width, lens.fy * width, lens.cx * width, lens.cy * height];
  return { quaternion: [...quaternion], position: [...position], fx, fy, cx, cy };
}

/** The inverse of `cameraOf`; the quaternion gets unit length. @returns {Pose} */
export function poseOf({ quaternion, position, fx, fy, cx, cy }, { width, height }) {
  const norm = Math.hypot(...quaternion);
  return {
    position: [...position],
    quaternion: quaternion.map((value) => value / norm),
    lens: { fx: fx / width, fy: fy / width, cx: cx / width, cy: cy / height },
  };
}
