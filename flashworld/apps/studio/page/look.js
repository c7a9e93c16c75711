/** Theme and language, as chosen last. */

import { byId, make } from './elements.js';
import { LANGUAGES, language, preferredLanguage, translate } from './i18n.js';

export function prepareLook() {
  const root = document.documentElement;
  root.dataset.theme = localStorage.getItem('theme') ?? 'dark';
  byId('theme').addEventListener('click', () => {
    root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem('theme', root.dataset.theme);
    dispatchEvent(new Event('studio-theme'));
  });
  const options = Object.entries(LANGUAGES).map(([value, name]) => make('option', { value, lang: value }, name));
  byId('language').replaceChildren(...options);
  byId('language').addEventListener('change', ({ target }) => {
    localStorage.setItem('language', target.value);
    language.set(target.value);
  });
  language.watch((now) => {
    root.lang = now;
    byId('language').value = now;
    translate(document);
  });
  language.set(preferredLanguage(localStorage.getItem('language'), navigator.languages));
}
