/** What to do first, on the empty stage. */

import { byId, icon, make } from '../elements.js';
import { t } from '../i18n.js';

/** @param {import('../state.js').Studio} studio @param {{open: () => void}} templates the dialog of ready movements */
export function mountHint(studio, templates) {
  return function render() {
    const { path, picture } = studio.draft.get();
    const empty = path.keys.length === 0 && studio.shown.get().kind === 'none';
    if (!empty) return byId('hint').replaceChildren();
    byId('hint').classList.toggle('over-picture', picture !== null);
    const ready = make('button', { type: 'button', onclick: templates.open }, icon('path'), t('hint.template'));
    return byId('hint').replaceChildren(make('strong', {}, t('hint.title')), t('hint.text'), make('div', { class: 'row' }, ready));
  };
}
