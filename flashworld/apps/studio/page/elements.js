/** Making elements, with little ceremony. */

import { ICONS } from './icons.js';

/** The element with an id that the page is known to have. @returns {any} */
export const byId = (id) => document.getElementById(id);

/**
 * An element. Attributes beginning with `on` are listeners, `data` is the data set, true and false set and leave out.
 * @param {string} tag @param {Record<string, any>} attributes @param {(Node | string | null | false)[]} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'data') Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** An element of SVG. @returns {any} */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A line drawing of 24 by 24 units; screen readers do not see it. @param {keyof typeof ICONS} name */
export function icon(name) {
  return draw('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, draw('path', { d: ICONS[name] }));
}

/** A button that is an icon; its name is told and shown as a tip. */
export function iconButton(name, label, onclick, attributes = {}) {
  return make('button', { class: 'quiet icon-only', type: 'button', 'aria-label': label, title: label, onclick, ...attributes }, icon(name));
}

/** Puts its icon into every element that names one. */
export function putIcons(root) {
  for (const element of root.querySelectorAll('[data-icon]')) element.prepend(icon(element.dataset.icon));
}

/** Saves bytes or an address as a file of the visitor's. @param {Blob | string} content */
export function saveAs(content, name) {
  const href = typeof content === 'string' ? content : URL.createObjectURL(content);
  make('a', { href, download: name }).click();
  if (typeof content !== 'string') setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/** Whether keys that are pressed belong to something that is written or chosen in. */
export function isField(element) {
  return element instanceof HTMLElement && (element.isContentEditable || element.matches('input:not([type=range]), textarea, select'));
}
