/** Jobs that wait or run: where they are, how long it takes, and how to stop them. */

import { byId, iconButton, make } from '../elements.js';
import { t } from '../i18n.js';
import { queueOf } from '../jobs.js';
import { bars, doing, remaining } from '../stage/growing.js';

/** @param {import('../state.js').Studio} studio @param {{watch: (job: any) => void, cancel: (job: any) => void}} actions */
export function mountQueue(studio, { watch, cancel }) {
  const list = byId('queue');
  return function render() {
    const jobs = queueOf(studio.jobs.get().jobs);
    byId('queue-count').textContent = jobs.length ? String(jobs.length) : '';
    if (jobs.length === 0) {
      list.replaceChildren(make('li', { class: 'empty' }, t('queue.empty')));
      return;
    }
    const focused = document.activeElement?.dataset.focus;
    list.replaceChildren(...jobs.map((job) => card(job)));
    if (focused) list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  };

  function card(job) {
    const watched = studio.shown.get().id === job.id;
    const name = job.name || t('job.unnamed');
    const look = make('button', {
      class: 'quiet small', type: 'button', 'aria-pressed': String(watched), data: { focus: `watch-${job.id}` }, onclick: () => watch(job),
    }, t(watched ? 'job.watching' : 'job.watch'));
    const stop = iconButton('close', t('job.cancelNamed', { name }), () => cancel(job), { data: { focus: `cancel-${job.id}` } });
    return make('li', { class: `job${watched ? ' watched' : ''}` },
      make('div', { class: 'job-head' }, make('span', { class: 'job-name', title: name }, name), make('span', { class: 'job-place' }, remaining(job)), stop),
      job.state === 'running' && bars(job),
      make('div', { class: 'job-foot' }, make('span', {}, doing(job)), look),
    );
  }
}
