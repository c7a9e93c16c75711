/** The selected key frame: what can be done with it, its field of view, and when the path is there. */

import { byId, iconButton, make } from '../elements.js';
import { t } from '../i18n.js';
import { duplicateKey, insertBetween, moveKey, removeKey, replaceKey, retimeKey, setFov } from '../path/edit.js';
import { fovOf } from '../path/lens.js';
import { frameOfKey, numSegments } from '../path/sample.js';

/**
 * @param {import('../state.js').Studio} studio
 * @param {{select: (index: number) => void, goTo: (index: number) => void, poseOfView: () => import('../path/lens.js').Pose,
 *   setLens: (lens: import('../path/lens.js').Lens) => void, say: (text: string) => void}} actions
 */
export function mountInspector(studio, { select, goTo, poseOfView, setLens, say }) {
  const box = byId('inspector');
  let rendered = null;

  function render() {
    const { path } = studio.draft.get();
    const { selected } = studio.ui.get();
    const key = path.keys[selected];
    // While its own slider is dragged, the row stays what it is.
    if (key && box.contains(document.activeElement) && rendered?.index === selected && rendered.count === path.keys.length) {
      rendered.update(key, path);
      return;
    }
    const focused = box.contains(document.activeElement) && document.activeElement.dataset.focus;
    rendered = null;
    if (key) {
      const row = build(path, selected);
      box.replaceChildren(...row.elements);
      rendered = { ...row, index: selected, count: path.keys.length };
      row.update(key, path);
    } else box.replaceChildren(make('span', {}, path.keys.length ? t('path.selectHint') : t('path.startHint')));
    if (focused) focusOn(focused);
  }

  /** The element of that name in the row that was made anew, or one beside it; the key frames where no row is left. */
  function focusOn(name) {
    const again = box.querySelector(`[data-focus="${name}"]:not(:disabled)`) ?? box.querySelector('button:not(:disabled)') ?? byId('strip');
    again.focus();
  }

  function build(path, index) {
    const change = (edit, next, told) => {
      studio.changePath(edit(studio.draft.get().path, index));
      select(Math.min(next, studio.draft.get().path.keys.length - 1));
      say(told);
    };
    const last = path.keys.length - 1;
    const name = t('path.key', { number: index + 1 });
    const fov = make('input', { type: 'range', min: 20, max: 120, step: 1, 'aria-label': t('path.fov'), data: { focus: 'fov' } });
    const degrees = make('output', {});
    fov.addEventListener('input', () => {
      studio.changePath(setFov(studio.draft.get().path, Number(fov.value), index), `fov ${index}`);
      setLens(studio.draft.get().path.keys[index].lens);
    });
    fov.addEventListener('change', () => studio.settle());
    const frame = make('input', { type: 'number', min: 1, max: path.frames, step: 0.5, 'aria-label': t('path.keyFrame'), data: { focus: 'frame' } });
    frame.disabled = index < 1 || index >= numSegments(path);
    frame.addEventListener('change', () => studio.changePath(retimeKey(studio.draft.get().path, index, Number(frame.value) - 1)));
    const elements = [
      make('strong', {}, name),
      button('goto', t('path.goto'), () => goTo(index)),
      button('replace', t('path.replace'), () => change((p, i) => replaceKey(p, i, poseOfView()), index, t('path.replaced', { number: index + 1 })), t('path.replaceTitle')),
      button('insert', t('path.insert'), () => change(insertBetween, index + 1, t('path.inserted')), t('path.insertTitle')),
      button('duplicate', t('path.duplicate'), () => change(duplicateKey, index + 1, t('path.duplicated'))),
      iconButton('left', t('path.earlier'), () => change((p, i) => moveKey(p, i, i - 1), index - 1, t('path.moved')), { disabled: index === 0, data: { focus: 'earlier' } }),
      iconButton('right', t('path.later'), () => change((p, i) => moveKey(p, i, i + 1), index + 1, t('path.moved')), { disabled: index === last, data: { focus: 'later' } }),
      make('label', { class: 'inline', title: t('path.fov') }, make('span', { class: 'lens' }, t('path.fov')), fov, degrees),
      button('fovAll', t('path.fovAll'), () => change((p) => setFov(p, Number(fov.value)), index, t('path.fovAllDone')), t('path.fovAllTitle')),
      make('label', { class: 'inline' }, t('path.atFrame'), frame),
      iconButton('trash', t('path.delete'), () => change(removeKey, index, t('path.deleted', { number: index + 1 })), { data: { focus: 'delete' } }),
    ];
    const update = (key, now) => {
      fov.value = String(Math.round(fovOf(key.lens)));
      degrees.textContent = `${Math.round(fovOf(key.lens))}°`;
      if (document.activeElement !== frame) frame.value = String(Number((frameOfKey(now, index) + 1).toFixed(1)));
    };
    return { elements, update };
  }

  return render;
}

const button = (name, text, onclick, title = null) => make('button', { class: 'quiet', type: 'button', onclick, title, data: { focus: name } }, text);
