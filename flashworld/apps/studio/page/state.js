/**
 * All that the page knows, in a few stores, and how the path is changed so that it can be undone.
 *
 * @typedef {ReturnType<typeof createStudio>} Studio
 */

import { createHistory } from './history.js';
import { createJobs } from './jobs.js';
import { lensFromFov } from './path/lens.js';
import { posesOf } from './path/sample.js';
import { emptyDraft } from './request.js';
import { createStore } from './store.js';

const USUAL_FOV = 70;

export function createStudio() {
  const draft = createStore(emptyDraft());
  /** What is being looked at: the selected key (-1: none), the frame of the playhead, the lens of the next key. */
  const ui = createStore({
    selected: -1, frame: 0, playing: false, riding: false, recording: false, pathShown: true, comparing: false,
    lens: lensFromFov(USUAL_FOV),
  });
  let history = createHistory(draft.get().path);
  let sampled = { path: null, poses: [] };

  const show = () => draft.update({ path: history.state });

  // The selection and the playhead never point beyond the path.
  draft.watch(({ path }) => {
    const { selected, frame } = ui.get();
    ui.update({ selected: Math.min(selected, path.keys.length - 1), frame: Math.min(frame, path.frames - 1) });
  });

  return {
    draft,
    ui,
    machine: createStore(null),
    templates: createStore([]),
    jobs: createJobs(),
    warnings: createStore([]),
    /** The world in the view: where it came from, which part of it that is (`preview` with its step, `world`), the job
     *  that is looked at, whose world may still be on its way, and the request and picture that made that. */
    shown: createStore({ source: null, id: null, kind: 'none', step: -1, request: null, picture: null }),

    get canUndo() {
      return history.canUndo;
    },
    get canRedo() {
      return history.canRedo;
    },

    /** The cameras of all frames of the draft. @returns {import('./path/lens.js').Pose[]} */
    poses() {
      const { path } = draft.get();
      if (sampled.path !== path) sampled = { path, poses: posesOf(path) };
      return sampled.poses;
    },

    /** @param {import('./path/sample.js').Path} path @param {string | null} merge changes with the same word are one step */
    changePath(path, merge = null) {
      history.push(path, merge);
      show();
    },
    settle: () => history.settle(),
    undo() {
      history.undo();
      show();
    },
    redo() {
      history.redo();
      show();
    },

    /** Another draft altogether. Its path cannot be undone into the old one's. @param {import('./request.js').Draft} next */
    openDraft(next) {
      history = createHistory(next.path);
      ui.update({ selected: -1, frame: 0, playing: false, lens: next.path.keys[0]?.lens ?? lensFromFov(USUAL_FOV) });
      draft.set(next);
    },
  };
}
