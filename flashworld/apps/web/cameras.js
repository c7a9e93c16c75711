// Cameras of a request in three.js's terms. The one place where intrinsics become a projection.

import { Matrix4, Quaternion, Vector3 } from './vendor/spark.js';

/**
 * A camera as a request sends it: the pose is world_from_camera with OpenGL's axes (three.js's, too), the intrinsics are
 * in pixels from the upper left corner of a picture whose size goes with it.
 * @typedef {{quaternion: number[], position: number[], fx: number, fy: number, cx: number, cy: number}} Camera
 *   `quaternion` is [w, x, y, z] of any length.
 *
 * Where a view stands and how much it sees.
 * @typedef {{position: number[], quaternion: number[], fovY: number}} Pose
 *   `quaternion` is [w, x, y, z] of length 1, `fovY` the vertical field of view in radians.
 */

/**
 * OpenGL's clip space of a pinhole camera: a point (X, Y, Z) of the camera, Z < 0, lands on the pixel
 * u = cx - fx X / Z, v = cy + fy Y / Z, as in docs/conventions.md.
 * @param {Camera} camera
 * @param {number} width of the picture whose pixels the intrinsics count
 * @param {number} height
 * @param {number} near z-depth of the near plane
 * @param {number} far
 * @returns {Matrix4}
 */
export function projection({ fx, fy, cx, cy }, width, height, near = 0.01, far = 1000) {
  const depth = far - near;
  return new Matrix4().set(
    (2 * fx) / width, 0, 1 - (2 * cx) / width, 0,
    0, (2 * fy) / height, (2 * cy) / height - 1, 0,
    0, 0, -(far + near) / depth, (-2 * far * near) / depth,
    0, 0, -1, 0,
  );
}

/**
 * The same camera for a picture that lies, as large as fits, in the middle of another.
 * @param {Camera} camera
 * @param {number} width of the camera's own picture
 * @param {number} height
 * @param {number} outerWidth of the picture around it
 * @param {number} outerHeight
 * @returns {{camera: Camera, left: number, top: number, width: number, height: number}} the camera in pixels of the outer
 *   picture, and where its own picture lies in there
 */
export function letterboxed(camera, width, height, outerWidth, outerHeight) {
  const scale = Math.min(outerWidth / width, outerHeight / height);
  const left = (outerWidth - scale * width) / 2;
  const top = (outerHeight - scale * height) / 2;
  const { fx, fy, cx, cy } = camera;
  const inner = { ...camera, fx: scale * fx, fy: scale * fy, cx: scale * cx + left, cy: scale * cy + top };
  return { camera: inner, left, top, width: scale * width, height: scale * height };
}

/**
 * The pose of a request's camera; its field of view is that of the whole picture.
 * @param {Camera} camera
 * @param {number} height of the picture in pixels
 * @returns {Pose}
 */
export function poseOf(camera, height) {
  const { position, quaternion } = posed(camera);
  const fovY = Math.atan2(camera.cy, camera.fy) + Math.atan2(height - camera.cy, camera.fy);
  const { x, y, z, w } = quaternion;
  return { position: position.toArray(), quaternion: [w, x, y, z], fovY };
}

/**
 * Position and unit quaternion as three.js has them.
 * @param {{position: number[], quaternion: number[]}} pose
 */
export function posed({ position, quaternion: [w, x, y, z] }) {
  return { position: new Vector3(...position), quaternion: new Quaternion(x, y, z, w).normalize() };
}
