// Reads a splat file of any of the common formats into three.js's axes, with errors in words.

import { Matrix4, SplatFileType, SplatMesh, Vector3, workerPool } from './vendor/spark.js';

/** What went wrong with a scene, in a sentence for the person who opened it. `reason` is a key for translations. */
export class SceneError extends Error {
  /**
   * @param {'missing' | 'refused' | 'unreachable' | 'empty' | 'foreign' | 'damaged' | 'poses'} reason
   * @param {string} message
   */
  constructor(reason, message) {
    super(message);
    this.name = 'SceneError';
    this.reason = reason;
  }
}

/** Files that have no first bytes to know them by are known by their name. */
const BY_NAME = { splat: SplatFileType.SPLAT, ksplat: SplatFileType.KSPLAT };
/** First bytes by which the others are known. */
const MARKS = { ply: [0x70, 0x6c, 0x79], gzip: [0x1f, 0x8b], zip: [0x50, 0x4b, 0x03, 0x04] };
const HEAD_BYTES = 4096;
const DIRECTIONS = { right: [1, 0, 0], left: [-1, 0, 0], up: [0, 1, 0], down: [0, -1, 0], back: [0, 0, 1], front: [0, 0, -1] };

/**
 * The bytes of a scene.
 * @param {string | ArrayBuffer | Blob} source an address, or what lies in the file
 * @param {{onProgress?: (fraction: number | null) => void, signal?: AbortSignal}} options `fraction` is null where the
 *   length is unknown
 * @returns {Promise<{bytes: Uint8Array, name: string}>}
 */
export async function fetchScene(source, { onProgress = () => {}, signal } = {}) {
  if (source instanceof Blob) return { bytes: new Uint8Array(await source.arrayBuffer()), name: source.name ?? '' };
  if (typeof source !== 'string') return { bytes: new Uint8Array(source), name: '' };
  const response = await answered(source, signal);
  const length = Number(response.headers.get('Content-Length')) || 0;
  const encoded = response.headers.has('Content-Encoding');
  const chunks = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    received += value.length;
    onProgress(length && !encoded ? Math.min(received / length, 1) : null);
  }
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  return { bytes, name: new URL(source, document.baseURI).pathname };
}

async function answered(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new SceneError('unreachable', 'The scene could not be fetched: the server does not answer.');
  }
  if (response.status === 404 || response.status === 410) {
    throw new SceneError('missing', 'There is no scene here any more: the server does not have this file.');
  }
  if (!response.ok) throw new SceneError('refused', `The server refused the scene (status ${response.status}).`);
  return response;
}

/**
 * The splats in a file, turned to right-up-back axes: three.js's, which are those of the request's world.
 * @param {Uint8Array} bytes
 * @param {{name?: string, axes?: string, precise?: boolean, signal?: AbortSignal}} options `name` of the file, for the formats without a mark
 *   of their own; `axes` where the file's x, y and z point, such as "right down front", or "auto": what the file states,
 *   else what its format usually has; `precise` keeps centres as 32 bit numbers, in twice the memory
 * @returns {Promise<SplatMesh>}
 */
export async function readSplats(bytes, { name = '', axes = 'auto', precise = true, signal } = {}) {
  const suffix = name.split('.').pop().toLowerCase();
  const mark = Object.keys(MARKS).find((name) => MARKS[name].every((byte, i) => bytes[i] === byte));
  if (!bytes.length) throw new SceneError('empty', 'The file is empty.');
  if (!mark && !(suffix in BY_NAME)) {
    throw new SceneError('foreign', 'This is not a splat file that can be shown. PLY, SPZ, SOG, SPLAT and KSPLAT can.');
  }
  const mesh = new SplatMesh({ fileBytes: bytes, fileType: BY_NAME[suffix], extSplats: precise });
  try {
    await mesh.initialized;
    signal?.throwIfAborted();
    if (!mesh.splats.getNumSplats()) throw new SceneError('empty', 'The file holds no splats.');
    mesh.quaternion.setFromRotationMatrix(insideFrom(axes === 'auto' ? usualAxes(mark, bytes) : axes));
    mesh.updateMatrixWorld();
    return mesh;
  } catch (error) {
    mesh.dispose();
    if (error instanceof SceneError || signal?.aborted) throw error;
    dismissIdleWorkers();
    throw new SceneError('damaged', `The file could not be read as splats: ${error?.message ?? error}`);
  }
}

/** A bad file leaves the worker that read it in a state in which it reads no other; new ones come when needed. */
function dismissIdleWorkers() {
  for (const worker of workerPool.freelist.splice(0)) {
    worker.dispose();
    workerPool.numWorkers -= 1;
  }
}

/** The axes that a PLY file of ours states among its comments, else those that the format usually has. */
function usualAxes(mark, bytes) {
  if (mark === 'gzip') return 'right up back';
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, HEAD_BYTES));
  return head.match(/^comment axes (\w+ \w+ \w+)\s*$/m)?.[1] ?? 'right down front';
}

/** The rotation whose columns are a file's x, y and z. */
function insideFrom(axes) {
  const columns = axes.split(' ').map((word) => DIRECTIONS[word]);
  if (columns.length !== 3 || columns.includes(undefined)) throw new Error(`unknown axes "${axes}"`);
  return new Matrix4().makeBasis(...columns.map((column) => new Vector3(...column)));
}

/**
 * Centres in the world of evenly chosen splats, for questions about where the scene is.
 * @param {SplatMesh} mesh
 * @param {number} most
 * @returns {Vector3[]}
 */
export function sampledCentres(mesh, most = 4000) {
  const num = mesh.splats.getNumSplats();
  const count = Math.min(num, most);
  return Array.from({ length: count }, (_, i) => {
    const { center } = mesh.splats.getSplat(Math.floor((i * num) / count));
    return center.clone().applyMatrix4(mesh.matrixWorld);
  });
}
