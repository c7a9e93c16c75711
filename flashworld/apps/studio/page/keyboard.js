/** Keys that work wherever the focus is, unless something is being written. */

import { byId, isField } from './elements.js';

/**
 * @param {import('./state.js').Studio} studio
 * @param {Record<'record'|'toggleRecording'|'togglePlay'|'generate'|'templates'|'help'|'goHome'|'overview', () => void> & {view: any}} actions
 */
export function mountKeys(studio, { record, toggleRecording, togglePlay, generate, templates, help, goHome, overview, view }) {
  addEventListener('keydown', (event) => {
    if (document.querySelector('dialog[open]') || event.defaultPrevented) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === 'enter') generate();
    else if (isField(event.target)) return;
    else if (command && key === 'z') (event.shiftKey ? studio.redo : studio.undo)();
    else if (command && key === 'y') studio.redo();
    else if (command || event.altKey) return;
    else if (event.code === 'Space') {
      // On a button Space is a click, as everywhere.
      if (event.target.closest('button, a, summary, input, [role="menuitem"]') || event.repeat) return;
      (event.shiftKey ? toggleRecording : record)();
    } else if (event.shiftKey && key !== '?') return;
    else if (key === 'p') togglePlay();
    else if (key === 't') templates();
    else if (key === 'h') goHome();
    else if (key === 'o') overview();
    else if (key === 'v') view.canvas.focus();
    else if (key === '?') help();
    else return;
    event.preventDefault();
  });
  byId('view').addEventListener('pointerdown', () => {
    if (['make', 'worlds'].includes(document.body.dataset.tab)) document.querySelector('[data-tab="view"]').click();
  });
}
