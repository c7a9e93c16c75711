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
  byId('toggle-worlds').addEventListener('click', ({ currentTarget }) => {
    const narrow = matchMedia('(max-width: 1080px)').matches;
    document.body.classList.toggle(narrow ? 'with-worlds' : 'without-worlds');
    currentTarget.setAttribute('aria-expanded', String(byId('worlds').offsetParent !== null));
  });
}
