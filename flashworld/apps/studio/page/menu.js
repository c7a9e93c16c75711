/** A small menu at a button, walked through by arrow keys; the browser closes it at Escape or a click elsewhere. */

import { byId, make } from './elements.js';

/**
 * @param {HTMLElement} anchor
 * @param {({text: string, note?: string, disabled?: boolean, danger?: boolean, action?: () => void, href?: string} | null)[]} items
 *   null draws a line between groups; `href` is downloaded
 */
export function openMenu(anchor, items) {
  const menu = byId('menu');
  const close = () => menu.hidePopover();
  menu.replaceChildren(...items.map((item) => (item ? entry(item, close) : make('hr', { role: 'separator' }))));
  menu.showPopover();
  const { left, right, top, bottom } = anchor.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const x = left + width < innerWidth - 8 ? left : right - width;
  const y = bottom + 4 + height < innerHeight - 8 ? bottom + 4 : top - 4 - height;
  Object.assign(menu.style, { left: `${Math.max(x, 8)}px`, top: `${Math.max(y, 8)}px` });
  menu.addEventListener('toggle', ({ newState }) => newState === 'closed' && anchor.focus(), { once: true });
  focusable(menu)[0]?.focus();
}

function entry({ text, note, disabled, danger, action, href }, close) {
  const content = [make('span', {}, text), note && make('span', { class: 'faint' }, note)];
  if (href) return make('a', { role: 'menuitem', href, download: '', tabindex: '-1', onclick: close }, ...content);
  const onclick = () => {
    close();
    action();
  };
  return make('button', { role: 'menuitem', type: 'button', tabindex: '-1', disabled: !!disabled, class: danger ? 'danger' : '', onclick }, ...content);
}

const focusable = (menu) => [...menu.querySelectorAll('[role="menuitem"]:not(:disabled)')];

/** Arrow keys in menus; called once. */
export function prepareMenus() {
  byId('menu').addEventListener('keydown', (event) => {
    const entries = focusable(event.currentTarget);
    const at = entries.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    entries[(next + entries.length) % entries.length].focus();
  });
}
