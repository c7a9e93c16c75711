/** Recording, playing, and what holds for the whole path. */

import { byId, icon, make } from '../elements.js';
import { t } from '../i18n.js';
import { EASINGS } from '../path/easing.js';
import { appendKeys, emptyPath, evenOut, MAX_FRAMES, reverse, setFrames } from '../path/edit.js';
import { simplify } from '../path/simplify.js';
import { openMenu } from '../menu.js';

const SAMPLES_PER_SECOND = 8;
/** Frames of the path that pass in a second of playing. */
export const FRAMES_PER_SECOND = 8;

/**
 * @param {import('../state.js').Studio} studio
 * @param {import('../../web/view.js').WorldView} view
 * @param {{record: () => void, poseOfView: () => import('../path/lens.js').Pose, select: (index: number) => void,
 *   say: (text: string) => void, showFrame: (frame: number) => void}} actions
 */
export function mountTransport(studio, view, { record, poseOfView, select, say, showFrame }) {
  const change = (fields, merge = null) => studio.changePath({ ...studio.draft.get().path, ...fields }, merge);
  const on = (id, type, handle) => byId(id).addEventListener(type, handle);
  let taken = null;

  byId('easing').replaceChildren(...Object.keys(EASINGS).map((name) => make('option', { value: name })));
  on('record', 'click', record);
  on('record-on', 'click', () => (taken ? stop() : start()));
  on('play', 'click', togglePlay);
  on('ride', 'click', () => {
    const riding = !studio.ui.get().riding;
    studio.ui.update({ riding });
    if (riding) showFrame(studio.ui.get().frame);
  });
  on('frames', 'change', () => {
    const frames = Math.min(Math.max(Math.round(Number(byId('frames').value)) || 1, 1), MAX_FRAMES);
    studio.changePath(setFrames(studio.draft.get().path, frames));
    render();
  });
  on('easing', 'change', () => change({ easing: byId('easing').value }));
  on('curve', 'click', () => change({ curve: studio.draft.get().path.curve === 'smooth' ? 'straight' : 'smooth' }));
  on('closed', 'click', () => change({ closed: !studio.draft.get().path.closed }));
  on('undo', 'click', () => studio.undo());
  on('redo', 'click', () => studio.redo());
  on('path-menu', 'click', () => {
    const { path } = studio.draft.get();
    const few = path.keys.length < 2;
    openMenu(byId('path-menu'), [
      { text: t('path.even'), disabled: few, action: () => studio.changePath(evenOut(path)) },
      { text: t('path.steady'), disabled: few, action: () => change({ keys: path.keys.map((key) => ({ ...key, pace: 1 })) }) },
      { text: t('path.reverse'), disabled: few, action: () => studio.changePath(reverse(path)) },
      { text: t('path.clear'), disabled: path.keys.length === 0, danger: true, action: () => change({ keys: emptyPath().keys, closed: false }) },
    ]);
  });

  function togglePlay() {
    const { playing, frame } = studio.ui.get();
    const { path } = studio.draft.get();
    if (path.keys.length === 0) return;
    const atEnd = !path.closed && frame >= path.frames - 1;
    studio.ui.update({ playing: !playing, ...(atEnd && !playing ? { frame: 0 } : {}) });
  }

  function start() {
    taken = { poses: [], times: [], past: 0, due: 0 };
    studio.ui.update({ recording: true, playing: false, riding: false });
    say(t('path.recording'));
    view.canvas.focus();
  }

  function stop() {
    const { poses, times } = taken;
    taken = null;
    studio.ui.update({ recording: false });
    const { path } = studio.draft.get();
    studio.changePath(appendKeys(path, simplify(poses, times, path.curve)));
    select(studio.draft.get().path.keys.length - 1);
    say(t('path.recordedKeys', { number: studio.draft.get().path.keys.length - path.keys.length }));
  }

  view.onFrame((seconds) => {
    if (taken) sample(seconds);
    if (studio.ui.get().playing) advance(seconds);
  });

  /** While the camera stands still, nothing is recorded: a pause would become a stop in the path. */
  function sample(seconds) {
    taken.past += seconds;
    if (taken.past < taken.due) return;
    taken.due = taken.past + 1 / SAMPLES_PER_SECOND;
    const pose = poseOfView();
    if (JSON.stringify(pose) === JSON.stringify(taken.poses.at(-1))) return;
    taken.poses.push(pose);
    taken.times.push(taken.poses.length / SAMPLES_PER_SECOND);
  }

  function advance(seconds) {
    const { path } = studio.draft.get();
    const next = studio.ui.get().frame + seconds * FRAMES_PER_SECOND;
    if (path.closed) studio.ui.update({ frame: next % path.frames });
    else if (next >= path.frames - 1) studio.ui.update({ frame: path.frames - 1, playing: false });
    else studio.ui.update({ frame: next });
    showFrame(studio.ui.get().frame);
  }

  let shownIcon = '';
  function render() {
    const { path } = studio.draft.get();
    const { playing, riding, recording } = studio.ui.get();
    const none = path.keys.length === 0;
    const set = (id, pressed) => byId(id).setAttribute('aria-pressed', String(pressed));
    set('record-on', recording);
    set('ride', riding);
    set('curve', path.curve === 'smooth');
    set('closed', path.closed);
    byId('closed').disabled = path.keys.length < 2 && !path.closed;
    byId('play').disabled = none;
    byId('ride').disabled = none;
    byId('undo').disabled = !studio.canUndo;
    byId('redo').disabled = !studio.canRedo;
    if (document.activeElement !== byId('frames')) byId('frames').value = String(path.frames);
    byId('easing').value = path.easing;
    for (const option of byId('easing').options) option.textContent = t(`easing.${option.value}`);
    const name = playing ? 'pause' : 'play';
    if (shownIcon !== name) byId('play').replaceChildren(icon((shownIcon = name)));
    byId('play').setAttribute('aria-label', t(playing ? 'path.pause' : 'path.play'));
  }

  return { render, togglePlay, toggleRecording: () => (taken ? stop() : start()) };
}
