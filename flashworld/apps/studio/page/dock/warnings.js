/** What the server thinks of the path before any time is spent on it; asked when the path has come to rest. */

import { ApiError } from '../api.js';
import { byId, icon, make } from '../elements.js';
import { known, t } from '../i18n.js';
import { camerasForRequest } from '../fitting.js';

const REST_MILLISECONDS = 350;

/**
 * @param {import('../state.js').Studio} studio
 * @param {typeof import('../api.js').api} api
 * @param {{scrub: (frame: number) => void}} actions
 */
export function mountWarnings(studio, api, { scrub }) {
  let asked = null;
  let timer = null;

  studio.draft.watch(({ path, size, picture }) => {
    const question = { path, size, hasPicture: picture !== null };
    if (asked && asked.path === path && asked.size === size && asked.hasPicture === question.hasPicture) return;
    asked = question;
    clearTimeout(timer);
    timer = setTimeout(() => check(question), REST_MILLISECONDS);
  });

  async function check(question) {
    const { path, size, hasPicture } = question;
    let warnings = [];
    if (path.keys.length > 1) {
      const resolution = [path.frames, size.height, size.width];
      try {
        const cameras = camerasForRequest(studio.poses(), size);
        ({ warnings } = await api.check({ cameras, resolution, image_index: path.imageIndex }));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 400) warnings = [{ kind: 'refused', frames: [], message: error.message }];
      }
    }
    if (asked === question) studio.warnings.set(warnings.filter(({ kind }) => hasPicture || kind !== 'overlap'));
  }

  return function render() {
    byId('warnings').replaceChildren(...studio.warnings.get().map(({ kind, frames, message }) => {
      const words = known(`warning.${kind}`, message).replace('{frames}', listed(frames));
      const show = frames.length > 0 && make('button', { class: 'small', type: 'button', onclick: () => scrub(frames[0]) }, t('warning.show'));
      return make('li', {}, icon('warning'), make('span', {}, words), show);
    }));
  };
}

/** Frames as people count them, neighbours as a range. */
function listed(frames) {
  const runs = [];
  for (const frame of frames) {
    if (runs.length > 0 && frame === runs.at(-1)[1] + 1) runs.at(-1)[1] = frame;
    else runs.push([frame, frame]);
  }
  return runs.map(([first, last]) => (first === last ? `${first + 1}` : `${first + 1}–${last + 1}`)).join(', ');
}
