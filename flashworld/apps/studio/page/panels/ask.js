/** Questions in a small dialog: a name, or whether something is meant. */

import { byId, make } from '../elements.js';
import { t } from '../i18n.js';

/** @returns {Promise<string | null>} what was written, or null if nothing was to change */
export function askName(title, value) {
  const field = make('input', { type: 'text', value, maxlength: 120, 'aria-label': title });
  return ask(title, [field], t('dialog.save'), () => field.value.trim(), { opened: () => field.select() });
}

/** Whether something is meant that cannot be undone. @returns {Promise<true | null>} */
export const askWhether = (title, text, yes) => ask(title, [make('p', {}, text)], yes, () => true, { danger: true });

function ask(title, content, yes, answer, { opened = () => {}, danger = false } = {}) {
  const dialog = byId('ask');
  return new Promise((resolve) => {
    const form = make('form', { method: 'dialog' },
      make('h2', { id: 'ask-title' }, title), ...content,
      make('div', { class: 'sheet-foot' },
        make('button', { type: 'button', onclick: () => dialog.close('') }, t('dialog.cancel')),
        make('button', { class: danger ? 'primary danger' : 'primary', value: 'yes' }, yes)),
    );
    dialog.replaceChildren(form);
    dialog.returnValue = '';
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' ? answer() : null), { once: true });
    dialog.showModal();
    opened();
  });
}
