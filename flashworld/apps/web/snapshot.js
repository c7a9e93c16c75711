// Pictures of the scene from other cameras than the view's own, through the same WebGL context.

import { Color, PerspectiveCamera, SparkRenderer, WebGLRenderTarget } from './vendor/spark.js';
import { posed, projection } from './cameras.js';

const WHITE = new Color(1, 1, 1);
/** As in `flashworld.rendering.render`. */
const NEAR = 0.01;
const FAR = 1000;

/** Takes pictures one after another; holds an order of the splats of its own, so that the view's stays as it is. */
export class Snapshots {
  #renderer;
  #scene;
  #spark;
  #last = Promise.resolve();

  /**
   * @param {import('three').WebGLRenderer} renderer
   * @param {import('three').Scene} scene that holds the view's own SparkRenderer
   * @param {object} look the view's own options of Spark
   */
  constructor(renderer, scene, look) {
    this.#renderer = renderer;
    this.#scene = scene;
    // Sorted by z-depth, as the library's rasterisers do; the view sorts by distance, which survives turning.
    this.#spark = new SparkRenderer({ ...look, renderer, autoUpdate: false, sortRadial: false });
  }

  /**
   * What a camera of a request sees, on white.
   * @param {import('./cameras.js').Camera} camera
   * @param {number} width
   * @param {number} height
   * @param {import('three').Object3D} hidden is no part of the picture
   * @returns {Promise<ImageData>}
   */
  take(camera, width, height, hidden) {
    const taken = this.#last.then(() => this.#take(eyeOf(camera, width, height), width, height, hidden));
    this.#last = taken.catch(() => {});
    return taken;
  }

  async #take(eye, width, height, hidden) {
    await this.#spark.update({ scene: this.#scene, camera: eye });
    const target = new WebGLRenderTarget(width, height);
    const pixels = new Uint8Array(4 * width * height);
    const { visible } = hidden;
    try {
      hidden.visible = false;
      this.#draw(eye, target);
      hidden.visible = visible;
      await this.#renderer.readRenderTargetPixelsAsync(target, 0, 0, width, height, pixels);
    } finally {
      target.dispose();
    }
    return new ImageData(upright(pixels, width, height), width, height);
  }

  #draw(eye, target) {
    const renderer = this.#renderer;
    const before = { colour: renderer.getClearColor(new Color()), alpha: renderer.getClearAlpha() };
    renderer.setClearColor(WHITE, 1);
    renderer.setRenderTarget(target);
    this.#spark.render(this.#scene, eye);
    renderer.setRenderTarget(null);
    renderer.setClearColor(before.colour, before.alpha);
  }

  dispose() {
    this.#spark.dispose();
  }
}

function eyeOf(camera, width, height) {
  const eye = new PerspectiveCamera();
  const { position, quaternion } = posed(camera);
  Object.assign(eye, { near: NEAR, far: FAR });
  eye.position.copy(position);
  eye.quaternion.copy(quaternion);
  eye.projectionMatrix.copy(projection(camera, width, height, NEAR, FAR));
  eye.projectionMatrixInverse.copy(eye.projectionMatrix).invert();
  eye.updateMatrixWorld();
  return eye;
}

/** WebGL reads pictures from the lowest row up. */
function upright(pixels, width, height) {
  const rows = new Uint8ClampedArray(pixels.length);
  for (let y = 0; y < height; y++) {
    const from = 4 * width * (height - 1 - y);
    rows.set(pixels.subarray(from, from + 4 * width), 4 * width * y);
  }
  return rows;
}
