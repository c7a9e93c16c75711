/**
 * Small pictures of what key frames see, drawn one after another when there is time, and kept until the key, the world or
 * the aspect changes.
 */

import { cameraOf } from '../path/lens.js';

const HEIGHT = 84;

/** @param {import('../../web/view.js').WorldView} view */
export function createThumbnails(view) {
  /** Key's id to its canvas and what that shows. */
  const kept = new Map();
  let world = 0;
  let wanted = [];
  let busy = false;

  const isCurrent = (key, size) => {
    const made = kept.get(key.id);
    return made && made.world === world && made.size === size && made.key === seen(key);
  };

  async function work() {
    if (busy) return;
    busy = true;
    while (wanted.length > 0) {
      const { key, size } = wanted.shift();
      if (isCurrent(key, size)) continue;
      const made = kept.get(key.id);
      Object.assign(made, { world, size, key: seen(key) });
      const small = { width: Math.round((HEIGHT * size.width) / size.height), height: HEIGHT };
      await view.renderFrom(cameraOf(key, small), small.width, small.height, made.canvas);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    busy = false;
  }

  return {
    /** The canvas of a key; what it shows comes soon. */
    canvasOf(key) {
      if (!kept.has(key.id)) {
        const canvas = Object.assign(document.createElement('canvas'), { width: 124, height: HEIGHT });
        kept.set(key.id, { canvas, world: -1, size: null, key: '' });
      }
      return kept.get(key.id).canvas;
    },

    /** Brings the pictures of these keys up to date. */
    refresh(keys, size) {
      wanted = keys.filter((key) => !isCurrent(key, size)).map((key) => ({ key, size }));
      work();
    },

    /** All pictures show a world that is gone. */
    forget() {
      world += 1;
    },
  };
}

const seen = ({ position, quaternion, lens }) => JSON.stringify([position, quaternion, lens]);
