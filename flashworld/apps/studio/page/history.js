/**
 * Undo and redo of any value that is replaced rather than changed.
 *
 * Changes with the same `merge` word in a row, such as the moves of one drag, become one step.
 *
 * @template State
 * @param {State} initial
 */
export function createHistory(initial, limit = 200) {
  let past = [];
  let present = initial;
  let future = [];
  let merging = null;

  return {
    get state() {
      return present;
    },
    get canUndo() {
      return past.length > 0;
    },
    get canRedo() {
      return future.length > 0;
    },

    /** @param {State} state @param {string | null} merge */
    push(state, merge = null) {
      if (state === present) return;
      if (merge === null || merge !== merging) past = [...past, present].slice(-limit);
      merging = merge;
      present = state;
      future = [];
    },

    /** The next change is a step of its own, even with the same word. */
    settle() {
      merging = null;
    },

    undo() {
      if (past.length === 0) return;
      future = [present, ...future];
      present = past.at(-1);
      past = past.slice(0, -1);
      merging = null;
    },

    redo() {
      if (future.length === 0) return;
      past = [...past, present];
      [present, ...future] = future;
      merging = null;
    },
  };
}
