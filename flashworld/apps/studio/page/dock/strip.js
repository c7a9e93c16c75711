/** The key frames as a strip of what each of them sees: select, go to, drag to another place. */

import { byId, icon, make } from '../elements.js';
import { t } from '../i18n.js';
import { moveKey, removeKey, duplicateKey } from '../path/edit.js';
import { fovOf } from '../path/lens.js';
import { frameOfKey } from '../path/sample.js';

/**
 * @param {import('../state.js').Studio} studio
 * @param {ReturnType<import('../stage/thumbnails.js').createThumbnails>} thumbnails
 * @param {{select: (index: number) => void, goTo: (index: number) => void}} actions
 */
export function mountStrip(studio, thumbnails, { select, goTo }) {
  const strip = byId('strip');
  let dragged = -1;

  function render() {
    const { path, size, picture } = studio.draft.get();
    const { selected } = studio.ui.get();
    const focused = strip.contains(document.activeElement);
    // A list box without options is none.
    strip.setAttribute('role', path.keys.length ? 'listbox' : 'group');
    strip.tabIndex = path.keys.length ? -1 : 0;
    strip.style.setProperty('--aspect', `${size.width / size.height}`);
    if (path.keys.length === 0) strip.replaceChildren(make('p', { class: 'strip-empty' }, t('path.empty')));
    else strip.replaceChildren(...path.keys.map((key, i) => card(key, i, path, selected, picture)));
    if (focused) strip.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
    strip.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    thumbnails.refresh(path.keys, size);
  }

  function card(key, index, path, selected, picture) {
    const isSelected = index === selected;
    const frame = frameOfKey(path, index);
    const shows = picture && Math.abs(frame - path.imageIndex) < 0.5;
    const fov = `${Math.round(fovOf(key.lens))}°`;
    const label = t('path.keyLabel', { number: index + 1, frame: (frame + 1).toFixed(1).replace('.0', ''), fov });
    const element = make('div', {
      class: 'key', role: 'option', id: `strip-${key.id}`, 'aria-selected': String(isSelected), 'aria-label': label, draggable: 'true',
      tabindex: isSelected || (selected < 0 && index === 0) ? '0' : '-1', data: { index },
      onclick: () => select(index),
      ondblclick: () => goTo(index),
    });
    // Drawn by the style sheet: to screen readers the label says it all.
    element.append(thumbnails.canvasOf(key), make('span', { class: 'number', data: { text: index + 1 } }), make('span', { class: 'fov', data: { text: fov } }));
    if (shows) element.append(make('span', { class: 'photo', title: t('picture.isHere') }, icon('picture')));
    return element;
  }

  strip.addEventListener('keydown', (event) => {
    const { path } = studio.draft.get();
    const index = studio.ui.get().selected;
    if (path.keys.length === 0 || event.ctrlKey || event.metaKey) return;
    const last = path.keys.length - 1;
    const next = { ArrowLeft: Math.max(index - 1, 0), ArrowRight: Math.min(index + 1, last), Home: 0, End: last }[event.key];
    if (next !== undefined && event.altKey && index >= 0 && event.key.startsWith('Arrow')) {
      studio.changePath(moveKey(path, index, next));
      select(next);
    } else if (next !== undefined) select(next);
    else if (event.key === 'Enter' && index >= 0) goTo(index);
    else if ((event.key === 'Delete' || event.key === 'Backspace') && index >= 0) studio.changePath(removeKey(path, index));
    else if (event.key.toLowerCase() === 'd' && index >= 0) {
      studio.changePath(duplicateKey(path, index));
      select(index + 1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  const cardAt = (event) => event.target.closest('.key');
  strip.addEventListener('dragstart', (event) => {
    dragged = Number(cardAt(event)?.dataset.index ?? -1);
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', String(dragged));
  });
  strip.addEventListener('dragover', (event) => {
    if (dragged < 0) return;
    event.preventDefault();
    for (const element of strip.querySelectorAll('.before')) element.classList.remove('before');
    cardAt(event)?.classList.add('before');
  });
  strip.addEventListener('drop', (event) => {
    if (dragged < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const { path } = studio.draft.get();
    const before = Number(cardAt(event)?.dataset.index ?? path.keys.length);
    const to = before > dragged ? before - 1 : before;
    if (to !== dragged) studio.changePath(moveKey(path, dragged, to));
    select(to);
  });
  strip.addEventListener('dragend', () => {
    dragged = -1;
    for (const element of strip.querySelectorAll('.before')) element.classList.remove('before');
  });

  return render;
}

