/** Jobs that wait or run: where they are, how long it takes, and how to stop them. */

import { byId, iconButton, make } from '../elements.js';
import { t } from '../i18n.js';
import { queueOf } from '../jobs.js';
import { bars, doing, remaining } from '../stage/growing.js';

/**
 * Jobs tell of themselves several times a second. Their cards stay and only say something else: a button that is made anew
 * between the press and the release of the mouse is not clicked.
 * @param {import('../state.js').Studio} studio
 * @param {{watch: (job: any) => void, cancel: (job: any) => void}} actions
 */
export function mountQueue(studio, { watch, cancel }) {
  const list = byId('queue');
  const nothing = make('li', { class: 'empty' });
  /** Job's id to its card. */
  let cards = new Map();

  return function render() {
    const jobs = queueOf(studio.jobs.get().jobs);
    byId('queue-count').textContent = jobs.length ? String(jobs.length) : '';
    nothing.textContent = t('queue.empty');
    cards = new Map(jobs.map((job) => [job.id, cards.get(job.id) ?? card(job)]));
    for (const job of jobs) cards.get(job.id).tell(job);
    const elements = jobs.length ? [...cards.values()].map(({ element }) => element) : [nothing];
    const same = elements.length === list.children.length && elements.every((element, i) => element === list.children[i]);
    if (!same) list.replaceChildren(...elements);
  };

  function card(job) {
    const [name, place, progress, now] = ['job-name', 'job-place', 'job-progress', 'job-now'].map((part) => make('span', { class: part }));
    const look = make('button', { class: 'quiet small', type: 'button', data: { focus: `watch-${job.id}` }, onclick: () => watch(job) });
    const stop = iconButton('close', '', () => cancel(job), { data: { focus: `cancel-${job.id}` } });
    const element = make('li', {},
      make('div', { class: 'job-head' }, name, place, stop), progress, make('div', { class: 'job-foot' }, now, look));

    function tell(job) {
      const watched = studio.shown.get().id === job.id;
      const called = job.name || t('job.unnamed');
      element.className = `job${watched ? ' watched' : ''}`;
      name.textContent = name.title = called;
      place.textContent = remaining(job);
      progress.replaceChildren(...(job.state === 'running' ? [bars(job)] : []));
      now.textContent = doing(job);
      look.textContent = t(watched ? 'job.watching' : 'job.watch');
      look.setAttribute('aria-pressed', String(watched));
      stop.title = stop.ariaLabel = t('job.cancelNamed', { name: called });
    }
    return { element, tell };
  }
}
