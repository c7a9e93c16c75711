// Copies of a canvas of WebGL, which can be read only in the turn in which it was drawn.

/** @param {HTMLCanvasElement} canvas just drawn */
export function stillOf(canvas) {
  const copy = document.createElement('canvas');
  Object.assign(copy, { width: canvas.width, height: canvas.height });
  copy.getContext('2d').drawImage(canvas, 0, 0);
  return copy;
}

/** A still in front of a colour, as a PNG. @returns {Promise<Blob>} */
export function pngOf(still, colour) {
  const ground = document.createElement('canvas');
  Object.assign(ground, { width: still.width, height: still.height });
  const context = ground.getContext('2d');
  context.fillStyle = colour;
  context.fillRect(0, 0, ground.width, ground.height);
  context.drawImage(still, 0, 0);
  return new Promise((resolve) => ground.toBlob(resolve, 'image/png'));
}

/**
 * Lays a still over its canvas.
 * @returns {(seconds: number) => void} lets it fade, then takes it away
 */
export function laidOver(canvas, still) {
  still.className = 'world-veil';
  still.setAttribute('aria-hidden', 'true');
  canvas.after(still);
  return (seconds) => {
    const fading = still.animate([{ opacity: 1 }, { opacity: 0 }], { duration: 1000 * seconds, easing: 'ease-in-out' });
    fading.finished.finally(() => still.remove());
  };
}
