/**
 * How a movement is spread over its time: functions from 0..1 to 0..1 that begin at 0 and end at 1.
 * Names and formulas are those of `flashworld.cameras.easing`.
 *
 * @type {Record<string, (time: number) => number>}
 */
export const EASINGS = {
  linear: (time) => time,
  'ease-in': (time) => time ** 2,
  'ease-out': (time) => 1 - (1 - time) ** 2,
  'ease-in-out': (time) => time ** 2 * (3 - 2 * time),
  smooth: (time) => time ** 3 * (10 - 15 * time + 6 * time ** 2),
};

/** The time at which an easing reaches `progress`, by bisection: all easings only ever rise. */
export function timeOf(easing, progress) {
  let [low, high] = [0, 1];
  for (let i = 0; i < 40; i += 1) {
    const middle = (low + high) / 2;
    if (EASINGS[easing](middle) < progress) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
