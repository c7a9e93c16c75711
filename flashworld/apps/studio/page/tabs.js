/** Which parts of the page are seen where there is no room for all. */

import { byId } from './elements.js';

/** On a phone one part at a time; on a desk the worlds can be put away. */
export function prepareTabs() {
  const tabs = document.querySelectorAll('.tabs button');
  const show = (name) => {
    document.body.dataset.tab = name;
    for (const tab of tabs) tab.setAttribute('aria-pressed', String(tab.dataset.tab === name));
  };
  for (const tab of tabs) {
    tab.addEventListener('click', () => show(document.body.dataset.tab === tab.dataset.tab ? 'view' : tab.dataset.tab));
  }
  show('view');
  const narrow = matchMedia('(max-width: 1080px)');
  const { classList } = document.body;
  const tell = () => {
    const seen = narrow.matches ? classList.contains('with-worlds') : !classList.contains('without-worlds');
    byId('toggle-worlds').setAttribute('aria-expanded', String(seen));
  };
  byId('toggle-worlds').addEventListener('click', () => {
    classList.toggle(narrow.matches ? 'with-worlds' : 'without-worlds');
    tell();
  });
  narrow.addEventListener('change', tell);
  tell();
}
