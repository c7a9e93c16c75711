/**
 * Words in the reader's language. Each language is one dictionary of the same keys; `{name}` in a text is filled in.
 *
 * Elements of the page carry keys: `data-t` for their text, `data-t-label`, `data-t-title` and `data-t-placeholder` for
 * the attributes `aria-label`, `title` and `placeholder`.
 */

import en from './words/en.js';
import zh from './words/zh.js';
import { createStore } from './store.js';
import { wordsOf } from '../web/words.js';

const DICTIONARIES = { en, zh };
export const LANGUAGES = { en: 'English', zh: '中文' };

/** The language shown now; set it to change all words of the page. */
export const language = createStore('en');

/** The text of a key. @param {keyof typeof en} key @param {Record<string, string | number>} values */
export function t(key, values = {}) {
  const text = DICTIONARIES[language.get()][key];
  console.assert(text !== undefined, `no words for ${key}`);
  return (text ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/** The text of a key if the dictionary has it, else what the server says. */
export const known = (key, otherwise) => DICTIONARIES[language.get()][key] ?? otherwise;

/** What went wrong, in the reader's language where the viewer's words tell of it. @param {Error & {reason?: string}} error */
export const inWords = (error) => wordsOf(language.get()).errors[error.reason] ?? error.message;

/** The language to begin with: the one chosen last, else the browser's if we speak it. */
export function preferredLanguage(chosen, spoken) {
  if (chosen in DICTIONARIES) return chosen;
  return spoken.map((tag) => tag.slice(0, 2)).find((tag) => tag in DICTIONARIES) ?? 'en';
}

/** Puts words into every element below `root` that carries keys. */
export function translate(root) {
  const attributes = { tLabel: 'aria-label', tTitle: 'title', tPlaceholder: 'placeholder' };
  for (const element of root.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
  for (const [key, attribute] of Object.entries(attributes)) {
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    for (const element of root.querySelectorAll(`[data-${name}]`)) element.setAttribute(attribute, t(element.dataset[key]));
  }
}
