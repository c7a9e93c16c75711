/** What can be done with a job, whichever part of the page asks. */

import { ApiError } from '../api.js';
import { byId, saveAs } from '../elements.js';
import { t } from '../i18n.js';
import { askName, askWhether } from '../panels/ask.js';
import { compare } from '../panels/compare.js';
import { nameOf } from '../panels/worlds.js';

/**
 * Each action tells of its failure on the stage.
 * @param {import('../state.js').Studio} studio @param {typeof import('../api.js').api} api
 * @param {import('../../web/view.js').WorldView} view
 * @param {ReturnType<import('./stage.js').stageActions>} actions
 * @param {ReturnType<import('../stage/world.js').createWorlds>} worlds
 */
export function jobActions(studio, api, view, { say, fail, opened }, worlds) {
  const { jobs } = studio;
  const tell = (action) => async (...given) => {
    byId('stage-fault').textContent = '';
    try {
      await action(...given);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fail(error.status ? error : new Error(t('error.unreachable')));
    }
  };
  return {
    watch: tell((job) => worlds.watch(job.id)),
    open: tell((job) => worlds.open(job)),
    cancel: tell((job) => jobs.ask(() => api.cancel(job.id))),
    requeue: tell((job) => jobs.ask(() => api.requeue(job.id))),
    rename: tell(async (job) => {
      const name = await askName(t('world.rename'), job.name);
      if (name !== null) await jobs.ask(() => api.rename(job.id, name));
    }),
    remove: tell(async (job) => {
      if (!(await askWhether(t('world.delete'), t('world.deleteText', { name: nameOf(job) }), t('world.delete')))) return;
      await api.remove(job.id);
      jobs.forget(job.id);
      if (studio.shown.get().id === job.id) worlds.close();
    }),
    reuse: tell(async (job, files) => {
      await files.openRequest({ ...(await api.request(job.id)), name: '' });
      opened();
      say(t('world.reused', { name: nameOf(job) }));
    }),
    exportRequest: tell(async (job) => {
      const text = JSON.stringify({ ...(await api.request(job.id)), name: job.name }, null, 1);
      saveAs(new Blob([text], { type: 'application/json' }), 'request.json');
    }),
    more: tell(() => jobs.askOlder(api.jobs)),
    compare: (one, other) => compare(one, other, { pose: view.pose(), up: view.controls.up }),
    closeWorld: () => worlds.close(),
  };
}
