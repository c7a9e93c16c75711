/** The button that makes the world, and what is still missing for it. */

import { ApiError } from '../api.js';
import { byId, icon, make } from '../elements.js';
import { t } from '../i18n.js';
import { pictureForRequest } from '../picture.js';
import { missing, requestOf } from '../request.js';

/**
 * @param {import('../state.js').Studio} studio @param {typeof import('../api.js').api} api
 * @param {{watched: string | null, watch: (id: string) => Promise<void>}} worlds
 */
export function mountGenerate(studio, api, worlds) {
  const button = byId('generate');
  let sending = false;

  async function submit() {
    const draft = studio.draft.get();
    if (sending || missing(draft).length > 0) return;
    sending = true;
    render();
    byId('generate-fault').textContent = byId('stage-fault').textContent = '';
    try {
      const request = requestOf(draft, await pictureForRequest(draft.picture, draft.size));
      const job = await studio.jobs.ask(() => api.submit({ ...request, ...(draft.exactSize ? { exact_size: true } : {}) }));
      const busy = studio.jobs.get().jobs.some(({ id, state }) => id === worlds.watched && state === 'running');
      if (!busy) await worlds.watch(job.id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      byId('generate-fault').textContent = error.status ? error.message : t('error.unreachable');
    } finally {
      sending = false;
      render();
    }
  }

  function render() {
    const needs = missing(studio.draft.get());
    button.disabled = sending || needs.length > 0;
    byId('needs').replaceChildren(...needs.map((key) => make('li', {}, icon('warning'), t(key))));
  }

  button.addEventListener('click', submit);
  return { render, submit };
}
