/** Where a running job is, as bars and words. Pure: what is shown is decided here, drawn elsewhere. */

const WITHIN_A_STEP = ['denoise', 'decode', 'render', 'encode'];
/** How much of the files' bar is behind when the film is begun. */
const FILM_BEGINS = 1 / 3;

/**
 * How far each part of a job is, 0 to 1: the preparation, each step, and the files.
 * @param {{state: string, progress: {stage: string, step: number | null, steps: number, done: number, total: number}, previews: string[]}} job
 * @returns {number[]}
 */
export function partsOf({ state, progress, previews }) {
  const { stage, step, steps, done, total } = progress;
  const share = total > 0 ? Math.min(done / total, 1) : 0;
  const count = Math.max(steps, 1);
  if (state === 'completed') return Array(count + 2).fill(1);
  if (state !== 'running') return Array(count + 2).fill(0);
  if (step !== null && step !== undefined) {
    const within = (Math.max(WITHIN_A_STEP.indexOf(stage), 0) + share) / WITHIN_A_STEP.length;
    return [1, ...Array.from({ length: count }, (_, i) => (i < step ? 1 : i === step ? within : 0)), 0];
  }
  // The other files are told one after another, each from 0 to 1: only the film moves the bar, so that it never goes back.
  if (previews.length >= count) return [...Array(count + 1).fill(1), stage === 'film' ? FILM_BEGINS + (1 - FILM_BEGINS) * share : 0];
  const begun = stage === 'waiting' ? 0 : share;
  return [begun, ...Array.from({ length: count }, (_, i) => (i < previews.length ? 1 : 0)), 0];
}

/** Seconds in the largest fitting unit: a word for `t()` and its number. */
export function rounded(seconds) {
  if (seconds < 90) return ['time.seconds', Math.max(Math.round(seconds), 1)];
  return seconds < 5400 ? ['time.minutes', Math.round(seconds / 60)] : ['time.hours', Math.round(seconds / 3600)];
}

/** A number of bytes, as people read it. */
export function sized(bytes) {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(2))} ${units[power]}`;
}
