/**
 * The window within the view: exactly what the model's camera sees at the playhead, or what a key recorded now would see.
 * It is drawn at the aspect and with the intrinsics of the request.
 */

import { byId } from '../elements.js';
import { t } from '../i18n.js';
import { cameraOf } from '../path/lens.js';
import { poseAtFrame, wholeFrame } from '../path/sample.js';

const WIDTH = 352;

/**
 * @param {import('../state.js').Studio} studio @param {import('../../web/view.js').WorldView} view
 * @param {{poseOfView: () => import('../path/lens.js').Pose}} actions
 */
export function mountInset(studio, view, { poseOfView }) {
  const canvas = byId('inset-canvas');
  let busy = false;
  let again = false;
  let shown = '';

  async function render() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    byId('inset').setAttribute('aria-busy', 'true');
    do {
      again = false;
      await show().catch(() => {});
    } while (again);
    busy = false;
    byId('inset').setAttribute('aria-busy', 'false');
  }

  async function show() {
    const { path, size } = studio.draft.get();
    const { frame } = studio.ui.get();
    const recorded = path.keys.length > 0;
    const pose = recorded ? poseAtFrame(path, frame) : poseOfView();
    const small = { width: WIDTH, height: Math.round((WIDTH * size.height) / size.width) };
    const { source } = studio.shown.get();
    byId('inset').hidden = !recorded && source === null;
    if (byId('inset').hidden) return;
    const wanted = JSON.stringify([pose, small, source]);
    byId('inset-caption').textContent = recorded ? t('inset.frame', { frame: wholeFrame(path, frame) + 1, frames: path.frames }) : t('inset.next');
    byId('inset').classList.toggle('live', !recorded);
    if (wanted === shown) return;
    await view.renderFrom(cameraOf(pose, small), small.width, small.height, canvas);
    shown = wanted;
  }

  return { render, forget: () => (shown = '') };
}
