// Stands where a browser stands, for modules that touch the document: `node --import document.mjs`.
//
// Elements remember what is done to them and keep the focus as a browser does; nothing is laid out or drawn. Every id that
// is asked for is there. `media.matches` answers every media query, `resized` are what a change of any size calls.

import { register } from 'node:module';

register(new URL('addresses.mjs', import.meta.url));

class Names extends Set {
  contains(name) {
    return this.has(name);
  }

  remove(name) {
    this.delete(name);
  }

  toggle(name, on = !this.has(name)) {
    if (on) this.add(name);
    else this.delete(name);
  }
}

class FakeElement extends EventTarget {
  children = [];
  dataset = {};
  classList = new Names();
  style = { setProperty() {} };
  /** What was drawn on it, where it is a canvas. */
  drawn = [];
  clientWidth = 400;
  clientHeight = 300;
  #attributes = new Map();

  constructor(tag) {
    super();
    this.tag = tag;
  }

  get disabled() {
    return this.#attributes.has('disabled');
  }

  set disabled(value) {
    if (value) this.#attributes.set('disabled', '');
    else this.#attributes.delete('disabled');
  }

  get lastChild() {
    return this.children.at(-1);
  }

  getAttribute(name) {
    return this.#attributes.get(name) ?? null;
  }

  setAttribute(name, value) {
    this.#attributes.set(name, String(value));
  }

  append(...children) {
    this.children.push(...children);
  }

  after() {}

  remove() {}

  prepend(...children) {
    this.children.unshift(...children);
  }

  replaceChildren(...children) {
    const had = this.contains(document.activeElement);
    this.children = children;
    if (had && !this.contains(document.activeElement)) document.activeElement = document.body;
  }

  contains(other) {
    return other === this || this.children.some((child) => child instanceof FakeElement && child.contains(other));
  }

  /** By a tag, one entry of the data set, and whether it may be used. */
  querySelector(selector) {
    const [, tag, name, value, enabled] = /^(\w+)?(?:\[data-(\w+)="([^"]*)"\])?(:not\(:disabled\))?$/.exec(selector);
    const suits = (element) => (!tag || element.tag === tag) && (!name || element.dataset[name] === value) && !(enabled && element.disabled);
    for (const child of this.children.filter((one) => one instanceof FakeElement)) {
      const found = suits(child) ? child : child.querySelector(selector);
      if (found) return found;
    }
    return null;
  }

  focus() {
    if (!this.disabled) document.activeElement = this;
  }

  click() {
    if (this.disabled) return;
    this.focus();
    this.dispatchEvent(new Event('click'));
  }

  getBoundingClientRect() {
    return { left: 0, top: 0, width: this.clientWidth, height: this.clientHeight };
  }

  setPointerCapture() {}

  getContext() {
    return { fillRect() {}, drawImage: (picture) => this.drawn.push(picture) };
  }
}

const elements = {};
const body = new FakeElement('body');
globalThis.document = {
  body,
  activeElement: body,
  documentElement: Object.assign(new FakeElement('html'), { dataset: { theme: 'dark' } }),
  getElementById: (id) => (elements[id] ??= new FakeElement('div')),
  createElement: (tag) => new FakeElement(tag),
  createElementNS: (_, tag) => new FakeElement(tag),
  querySelectorAll: () => [],
};
globalThis.HTMLElement = FakeElement;

const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
globalThis.dispatchEvent = page.dispatchEvent.bind(page);
globalThis.media = Object.assign(new EventTarget(), { matches: false });
globalThis.matchMedia = () => media;
globalThis.CSS = { escape: (text) => text };

globalThis.resized = [];
globalThis.ResizeObserver = class {
  constructor(callback) {
    this.callback = callback;
  }

  observe() {
    resized.push(this.callback);
  }

  disconnect() {
    resized.splice(resized.indexOf(this.callback), 1);
  }
};
