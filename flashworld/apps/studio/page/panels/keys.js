/** The keys that the page knows, as a dialog. */

import { byId, make } from '../elements.js';
import { t } from '../i18n.js';

const GROUPS = {
  'help.move': [
    ['W A S D', 'help.wasd'], ['R F', 'help.rf'], ['Q E', 'help.qe'], ['← → ↑ ↓', 'help.arrows'],
    ['help.drag', 'help.dragText'], ['help.wheel', 'help.wheelText'], ['help.double', 'help.doubleText'],
  ],
  'help.path': [
    ['keys.space', 'help.record'], ['⇧ keys.space', 'help.continuous'], ['P', 'help.play'], ['← →', 'help.strip'],
    ['Alt ← →', 'help.reorder'], ['Enter', 'help.goto'], ['D', 'help.duplicate'], ['Delete', 'help.delete'],
    ['Ctrl Z', 'help.undo'], ['Ctrl ⇧ Z', 'help.redo'],
  ],
  'help.rest': [
    ['Ctrl Enter', 'help.generate'], ['T', 'help.templates'], ['H', 'help.home'], ['O', 'help.overview'], ['V', 'help.view'], ['?', 'help.this'],
  ],
};

export function showKeys() {
  const dialog = byId('keys-dialog');
  const words = (text) => text.split(' ').map((part) => (/^(keys|help)\./.test(part) ? t(part) : part)).join(' ');
  const groups = Object.entries(GROUPS).map(([title, rows]) => {
    const entries = rows.flatMap(([keys, key]) => {
      const how = keys.startsWith('help.') ? words(keys) : make('kbd', {}, words(keys));
      return [make('dt', {}, how), make('dd', {}, t(key))];
    });
    return make('section', {}, make('h3', {}, t(title)), make('dl', {}, ...entries));
  });
  const table = make('div', { class: 'keys-table' }, ...groups);
  const close = make('button', { type: 'button', autofocus: true, onclick: () => dialog.close() }, t('dialog.close'));
  dialog.replaceChildren(make('h2', { id: 'keys-title' }, t('app.keys')), table, make('div', { class: 'sheet-foot' }, close));
  dialog.showModal();
}
