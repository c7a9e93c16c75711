/** Finished worlds: open, rename, download, compare, use as a start, delete; and what became of those that did not finish. */

import { byId, iconButton, make } from '../elements.js';
import { language, t } from '../i18n.js';
import { historyOf } from '../jobs.js';
import { openMenu } from '../menu.js';
import { rounded, sized } from '../progress.js';

const FORMATS = ['ply', 'spz', 'mp4', 'record'];
const REPEATABLE = ['failed', 'cancelled', 'interrupted'];

/**
 * @param {import('../state.js').Studio} studio
 * @param {Record<'open'|'rename'|'remove'|'requeue'|'reuse'|'exportRequest', (job: any) => void>
 *   & {compare: (a: any, b: any) => void, more: () => void}} actions
 */
export function mountWorlds(studio, actions) {
  const list = byId('history');
  const bar = byId('compare-bar');
  /** The first of two worlds to be compared. */
  let first = null;
  let shown = '';

  byId('more-history').addEventListener('click', actions.more);

  function render() {
    const { jobs, next, loaded } = studio.jobs.get();
    const done = historyOf(jobs);
    first = done.find((job) => job.id === first?.id) ?? null;
    // Jobs tell of themselves several times a second; pictures that are made anew each time would flicker.
    const drawn = JSON.stringify([done, studio.shown.get().id, first?.id, language.get(), loaded, next]);
    if (drawn === shown) return;
    shown = drawn;
    const focused = document.activeElement?.dataset.focus;
    if (done.length === 0) list.replaceChildren(make('li', { class: 'empty' }, t(loaded ? 'history.empty' : 'history.loading')));
    else list.replaceChildren(...done.map(card));
    if (focused) list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
    byId('more-history').hidden = next === null;
    bar.hidden = first === null;
    if (!first) return;
    const cancel = make('button', { class: 'small quiet', type: 'button', onclick: stopComparing }, t('dialog.cancel'));
    bar.replaceChildren(make('span', {}, t('compare.choose', { name: nameOf(first) })), cancel);
  }

  function stopComparing() {
    first = null;
    render();
  }

  function card(job) {
    const finished = job.state === 'completed' && job.files.spz;
    const open = studio.shown.get().id === job.id;
    const name = nameOf(job);
    return make('li', { class: `world state-${job.state}${open ? ' open' : ''}`, data: { job: job.id } },
      finished ? thumbnail(job, name) : make('span', { class: 'thumb' }),
      make('div', {}, make('div', { class: 'world-name', title: name }, name), make('div', { class: 'world-facts' }, facts(job))),
      make('div', { class: 'world-tools' }, ...tools(job, name, finished)),
      job.error && job.state === 'failed' && make('p', { class: 'fault' }, job.error),
    );
  }

  function thumbnail(job, name) {
    const { thumbnail } = job.files;
    const picture = thumbnail && make('img', { src: `${thumbnail.url}?inline=1`, alt: '', loading: 'lazy', width: 92, height: 64 });
    const label = first && first.id !== job.id ? t('compare.with', { name }) : t('world.open', { name });
    return make('button', {
      class: 'thumb', type: 'button', 'aria-label': label, title: label, data: { focus: `open-${job.id}` }, onclick: () => choose(job),
    }, picture);
  }

  function choose(job) {
    if (!first || first.id === job.id) return actions.open(job);
    const one = first;
    stopComparing();
    return actions.compare(one, job);
  }

  function facts(job) {
    if (job.state !== 'completed') return t(`state.${job.state}`);
    const seconds = Object.values(job.seconds ?? {}).reduce((sum, value) => sum + value, 0);
    const [unit, value] = rounded(seconds || job.finished_at - job.started_at);
    const [frames, height, width] = job.resolution;
    return `${frames} · ${width}×${height} · ${t(unit, { value })}`;
  }

  function tools(job, name, finished) {
    const tool = (kind, sign, label, action) => iconButton(sign, t(label, { name }), action, { data: { focus: `${kind}-${job.id}` } });
    const menu = (kind, sign, label, items) => {
      const button = tool(kind, sign, label, () => openMenu(button, items()));
      button.setAttribute('aria-haspopup', 'menu');
      return button;
    };
    return [
      REPEATABLE.includes(job.state) && tool('again', 'restart', 'world.requeue', () => actions.requeue(job)),
      finished && menu('files', 'download', 'world.download', () => files(job)),
      tool('reuse', 'reuse', 'world.reuse', () => actions.reuse(job)),
      menu('more', 'more', 'world.more', () => entries(job, finished)),
    ].filter(Boolean);
  }

  function files(job) {
    return FORMATS.filter((kind) => job.files[kind]).map((kind) => ({
      text: t(`file.${kind}`), note: sized(job.files[kind].bytes), href: job.files[kind].url,
    }));
  }

  function entries(job, finished) {
    const compare = { text: t('compare.start'), disabled: !finished, action: () => { first = job; render(); } };
    return [
      { text: t('world.rename'), action: () => actions.rename(job) },
      compare,
      { text: t('world.request'), action: () => actions.exportRequest(job) },
      null,
      { text: t('world.delete'), danger: true, action: () => actions.remove(job) },
    ];
  }

  return render;
}

/** A world's name, or its sentence, or that it has none. */
export const nameOf = (job) => job.name || job.text_prompt || t('job.unnamed');
