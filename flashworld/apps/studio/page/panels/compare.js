/** Two worlds side by side, looked at from one place. */

import { byId, iconButton, make } from '../elements.js';
import { inWords, t } from '../i18n.js';
import { nameOf } from './worlds.js';
import { linkCameras, WorldView } from '../../web/view.js';

/** @param {any} one @param {any} other jobs that are completed @param {{pose: any, up: any}} start where both are looked at from */
export async function compare(one, other, start) {
  const dialog = byId('compare');
  const fault = make('p', { class: 'fault', role: 'alert' });
  const sides = [one, other].map((job) => {
    const holder = make('div', { class: 'holder' });
    return { job, holder, box: make('div', {}, holder, make('p', { class: 'name floating' }, nameOf(job))) };
  });
  const close = iconButton('close', t('dialog.close'), () => dialog.close(), { autofocus: true });
  const both = make('div', { class: 'compare-views', 'aria-busy': 'true' }, ...sides.map(({ box }) => box));
  dialog.replaceChildren(make('header', {}, make('h2', { id: 'compare-title' }, t('compare.title')), fault, close), both);
  dialog.showModal();
  const views = sides.map(({ holder, job }) => new WorldView(holder, { label: t('compare.view', { name: nameOf(job) }) }));
  let unlink = () => {};
  dialog.addEventListener('close', () => {
    unlink();
    for (const view of views) view.dispose();
    dialog.replaceChildren();
  }, { once: true });
  try {
    await Promise.all(views.map((view, i) => view.show(`${sides[i].job.files.spz.url}?inline=1`, { keepCamera: true })));
    views[0].setPose(start.pose);
    for (const view of views) view.controls.up.copy(start.up);
    unlink = linkCameras(...views);
  } catch (error) {
    fault.textContent = inWords(error);
  }
  both.setAttribute('aria-busy', 'false');
}
