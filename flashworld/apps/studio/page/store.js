/**
 * A value that tells when it is replaced. All of the page's state lives in a few of these.
 *
 * @template Value
 * @param {Value} value
 */
export function createStore(value) {
  const listeners = new Set();
  return {
    get: () => value,

    /** @param {Value} next */
    set(next) {
      if (next === value) return;
      const before = value;
      value = next;
      for (const listener of [...listeners]) listener(value, before);
    },

    /** Some fields of an object replaced. @param {Partial<Value>} fields */
    update(fields) {
      this.set({ ...value, ...fields });
    },

    /** Calls now and after each change; gives back what ends it. @param {(value: Value, before?: Value) => void} listener */
    watch(listener) {
      listeners.add(listener);
      listener(value, undefined);
      return () => listeners.delete(listener);
    },
  };
}
