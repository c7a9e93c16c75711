/** What becomes of the watched job, over the view: its steps as bars, and how long it will still take. */

import { byId, make } from '../elements.js';
import { t } from '../i18n.js';
import { partsOf, rounded } from '../progress.js';

/** The bars of a job. */
export function bars(job) {
  const parts = partsOf(job);
  const value = Math.round((100 * parts.reduce((sum, part) => sum + part, 0)) / parts.length);
  const box = make('div', {
    class: 'bars', role: 'progressbar', 'aria-label': t('growing.progress'), 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': value,
  });
  for (const part of parts) {
    const bar = make('i');
    bar.style.setProperty('--done', String(part));
    box.append(bar);
  }
  return box;
}

/** What a job does now, in words. */
export function doing(job) {
  const { step, steps } = job.progress;
  if (job.state === 'queued') return t('job.waiting', { position: job.position });
  if (job.state !== 'running') return t(`state.${job.state}`);
  if (step !== null && step !== undefined) return t('job.step', { step: step + 1, steps });
  return job.previews.length >= steps && steps > 0 ? t('job.files') : t('job.prepare');
}

/** How long it will still take, in words; empty if nobody knows. */
export function remaining(job) {
  if (job.ends_at === null) return '';
  const [unit, value] = rounded(job.ends_at - Date.now() / 1000);
  return t(job.state === 'queued' ? 'job.expected' : 'job.left', { time: t(unit, { value }) });
}

/**
 * Its button stays the same element, so that a click on it is never lost.
 * @param {import('../state.js').Studio} studio @param {{cancel: (job: any) => void}} actions
 */
export function mountGrowing(studio, { cancel }) {
  const box = byId('growing');
  const [name, progress, now, left, seen] = ['h3', 'div', 'span', 'span', 'span'].map((tag) => make(tag));
  let job = null;
  let steps = 0;
  const stop = make('button', { class: 'quiet small', type: 'button', onclick: () => cancel(job) });
  seen.className = 'faint';
  box.append(name, progress, make('div', { class: 'row' }, now, left), make('div', { class: 'row' }, seen, stop));

  return function render() {
    const { id, step, kind } = studio.shown.get();
    job = studio.jobs.get().jobs.find((one) => one.id === id);
    const active = job?.state === 'queued' || job?.state === 'running';
    // A job may be done before its last steps have been drawn.
    box.hidden = !(active || (job?.state === 'completed' && kind === 'preview'));
    if (box.hidden) return;
    steps = job.progress.steps || steps;
    name.textContent = job.name || t('job.unnamed');
    progress.replaceChildren(bars({ ...job, progress: { ...job.progress, steps } }));
    now.textContent = doing(job);
    left.textContent = remaining(job);
    seen.textContent = kind === 'preview' ? t('growing.seen', { step: step + 1, steps }) : t('growing.soon');
    stop.textContent = t('job.cancel');
    stop.hidden = !active;
  };
}
