/**
 * What there is to see before there is a world: a floor, and the picture standing where its camera sees it. They belong to
 * the scene, so that thumbnails and the window show how the path moves past them.
 */

import {
  DoubleSide, Group, LineBasicMaterial, LineSegments, BufferGeometry, Float32BufferAttribute, Mesh, NoColorSpace, PlaneGeometry,
  ShaderMaterial, Texture,
} from '../../web/vendor/spark.js';
import { posed } from '../../web/cameras.js';
import { drawCrop } from '../picture.js';
import { poseAtFrame } from '../path/sample.js';

/** Distance at which movements that keep a subject in view have it; see `flashworld.cameras.templates`. */
export const SUBJECT_DISTANCE = 2;
const [REACH, DEPTH] = [12, -0.9];

/** The picture's colours as they are, on canvases and textures alike. */
const SHADER = {
  vertexShader: 'varying vec2 place; void main() { place = uv; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }',
  fragmentShader: 'uniform sampler2D map; varying vec2 place; void main() { gl_FragColor = texture2D(map, place); }',
};

/** @param {import('../state.js').Studio} studio @param {import('../../web/view.js').WorldView} view */
export function mountGround(studio, view) {
  const group = new Group();
  const floor = floorLines();
  const photo = new Mesh(new PlaneGeometry(1, 1), new ShaderMaterial({ ...SHADER, uniforms: { map: { value: new Texture() } }, side: DoubleSide }));
  photo.visible = false;
  group.add(floor, photo);
  view.scene.add(group);
  let drawn = { picture: null, size: null };
  const changed = new Set();

  function render() {
    group.visible = studio.shown.get().kind === 'none';
    const { path, picture, size } = studio.draft.get();
    photo.visible = picture !== null && drawn.picture !== null;
    if (photo.visible) stand(path, size);
    if (picture !== drawn.picture || size !== drawn.size) redraw(picture, size);
    view.invalidate();
  }

  /** The picture fills its camera's view, at the subject's distance. */
  function stand(path, size) {
    const pose = path.keys.length > 0 ? poseAtFrame(path, path.imageIndex) : { position: [0, 0, 0], quaternion: [1, 0, 0, 0], lens: studio.ui.get().lens };
    const { position, quaternion } = posed(pose);
    const { fx, fy, cx, cy } = pose.lens;
    const width = SUBJECT_DISTANCE / fx;
    const height = (SUBJECT_DISTANCE * size.height) / (fy * size.width);
    photo.scale.set(width, height, 1);
    photo.position.set((0.5 - cx) * width, (cy - 0.5) * height, -SUBJECT_DISTANCE).applyQuaternion(quaternion).add(position);
    photo.quaternion.copy(quaternion);
  }

  async function redraw(picture, size) {
    drawn = { picture, size };
    if (!picture) return;
    const canvas = await drawCrop(picture, size);
    if (drawn.picture !== picture || drawn.size !== size) return;
    const { map } = photo.material.uniforms;
    map.value.dispose();
    map.value = Object.assign(new Texture(canvas), { colorSpace: NoColorSpace, needsUpdate: true });
    render();
    for (const tell of changed) tell();
  }

  return { render, /** Calls back when the picture in the scene is another. */ onChange: (callback) => changed.add(callback) };
}

function floorLines() {
  const points = [];
  for (let i = -REACH; i <= REACH; i += 1) {
    // In pieces: lines that begin far behind the camera are lost on some graphics cards.
    for (let j = -REACH; j < REACH; j += 1) points.push(i, DEPTH, j, i, DEPTH, j + 1, j, DEPTH, i, j + 1, DEPTH, i);
  }
  const geometry = new BufferGeometry().setAttribute('position', new Float32BufferAttribute(points, 3));
  return new LineSegments(geometry, new LineBasicMaterial({ color: '#8d96a3', transparent: true, opacity: 0.35 }));
}
