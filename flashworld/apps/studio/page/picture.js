/** Pictures: opened upright, cropped as they are sent, and as data URLs. */

import { cropBox } from './fitting.js';

const MAX_BYTES = 64e6;
const TYPES = ['image/png', 'image/jpeg', 'image/webp'];

/**
 * A dropped, pasted or chosen file as a picture of the draft.
 * @param {Blob} blob @returns {Promise<import('./request.js').Picture>}
 * @throws {RangeError} with a word for `t()`
 */
export async function openPicture(blob, name = blob.name ?? '') {
  if (!TYPES.includes(blob.type)) throw new RangeError('picture.type');
  if (blob.size > MAX_BYTES) throw new RangeError('picture.bytes');
  const bitmap = await createImageBitmap(blob).catch(() => {
    throw new RangeError('picture.unreadable');
  });
  const { width, height } = bitmap;
  bitmap.close();
  return { blob, width, height, name, place: { x: 0.5, y: 0.5 } };
}

/**
 * A picture from the `image_prompt` of a request, or null.
 * @throws {RangeError} with a word for `t()`
 */
export async function pictureFromPrompt(prompt) {
  if (!prompt) return null;
  const bytes = bytesOf(prompt);
  return openPicture(new Blob([bytes], { type: typeOf(bytes) }), '');
}

/** The bytes of a data URL or of bare base64, which may lack its end signs, as the server takes them. */
export function bytesOf(prompt) {
  try {
    const text = atob(prompt.slice(prompt.indexOf(',') + 1).replace(/[=\s]+$/, ''));
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  } catch {
    throw new RangeError('import.picture');
  }
}

function typeOf([first, second]) {
  if (first === 0x89 && second === 0x50) return 'image/png';
  return first === 0xff && second === 0xd8 ? 'image/jpeg' : 'image/webp';
}

/** The crop of a picture as it will be sent, on a canvas of the target's size. */
export async function drawCrop(picture, size) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: size.width, height: size.height });
  const box = cropBox(picture, size, picture.place);
  const bitmap = await createImageBitmap(picture.blob);
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  // Transparent parts are shown on white, as scenes are.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, size.width, size.height);
  context.drawImage(bitmap, box.x, box.y, box.width, box.height, 0, 0, size.width, size.height);
  bitmap.close();
  return canvas;
}

/** The picture as a request carries it: its own bytes if it has the target's size, else its crop as PNG. */
export async function pictureForRequest(picture, size) {
  if (!picture) return null;
  const exact = picture.width === size.width && picture.height === size.height;
  if (exact) return dataUrl(picture.blob);
  return (await drawCrop(picture, size)).toDataURL('image/png');
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
