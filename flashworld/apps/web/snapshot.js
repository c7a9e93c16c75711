// Pictures of the scene from other cameras than the view's own, through the same WebGL context.

import { Color, PerspectiveCamera, SparkRenderer, WebGLRenderTarget } from './vendor/spark.js';
import { posed, projection } from './cameras.js';

const WHITE = new Color(1, 1, 1);

/** Takes pictures one after another; holds an order of the splats of its own, so that the view's stays as it is. */
export class Snapshots {
  #renderer;
  #scene;
  #spark;
  #last = Promise.resolve();

  /**
   * @param {import('three').WebGLRenderer} renderer
   * @param {import('three').Scene} scene with a SplatRenderer of `look` in it
   * @param {object} look the view's own options of Spark
   */
  constructor(renderer, scene, look) {
    this.#renderer = renderer;
    this.#scene = scene;
    // Sorted by z-depth, as the library's rasterisers do; the view sorts by distance, which survives turning.
    this.#spark = new SparkRenderer({ ...look, renderer, autoUpdate: false, sortRadial: false });
  }

  /**
   * What a camera of a request sees, on white, drawn into the upper left corner of a canvas.
   * @param {import('./cameras.js').Camera} camera
   * @param {number} width
   * @param {number} height
   * @param {CanvasRenderingContext2D} target
   * @param {import('three').Object3D[]} hidden objects that are not part of the picture
   */
  take(camera, width, height, target, hidden) {
    const taken = this.#last.then(() => this.#take(camera, width, height, hidden));
    this.#last = taken.catch(() => {});
    return taken.then((image) => target.putImageData(image, 0, 0));
  }

  async #take(camera, width, height, hidden) {
    const eye = new PerspectiveCamera();
    Object.assign(eye, { near: 0.01, far: 1000 });
    const { position, quaternion } = posed(camera);
    eye.position.copy(position);
    eye.quaternion.copy(quaternion);
    eye.projectionMatrix.copy(projection(camera, width, height, eye.near, eye.far));
    eye.projectionMatrixInverse.copy(eye.projectionMatrix).invert();
    eye.updateMatrixWorld();
    await this.#spark.update({ scene: this.#scene, camera: eye });
    const target = new WebGLRenderTarget(width, height);
    const shown = hidden.filter((object) => object.visible);
    const pixels = new Uint8Array(4 * width * height);
    try {
      for (const object of shown) object.visible = false;
      this.#draw(eye, target);
      for (const object of shown) object.visible = true;
      await this.#renderer.readRenderTargetPixelsAsync(target, 0, 0, width, height, pixels);
    } finally {
      for (const object of shown) object.visible = true;
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

/** WebGL reads pictures from the lowest row up. */
function upright(pixels, width, height) {
  const rows = new Uint8ClampedArray(pixels.length);
  for (let y = 0; y < height; y++) {
    const from = 4 * width * (height - 1 - y);
    rows.set(pixels.subarray(from, from + 4 * width), 4 * width * y);
  }
  return rows;
}
