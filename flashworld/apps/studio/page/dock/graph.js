/**
 * The timeline: how fast the path moves and turns at each frame, where its keys are, and where it is being looked at.
 * A range input under the drawing takes pointer and keys for scrubbing; marks of keys are dragged to other frames.
 */

import { byId, draw } from '../elements.js';
import { t } from '../i18n.js';
import { retimeKey } from '../path/edit.js';
import { frameOfKey, numSegments, wholeFrame } from '../path/sample.js';
import { speedOf } from '../path/speed.js';

const [TOP, BOTTOM, KEYS_Y] = [16, 44, 53];
/** Turns of this many degrees a frame fill the graph; slower paths are drawn in proportion, faster ones fill it too. */
const [USUAL_TURN, USUAL_MOVE] = [6, 0.08];

/**
 * @param {import('../state.js').Studio} studio
 * @param {{select: (index: number) => void, scrub: (frame: number) => void}} actions
 */
export function mountGraph(studio, { select, scrub }) {
  const svg = byId('graph');
  const range = byId('scrub');
  const timeline = byId('timeline');
  let drag = null;

  range.addEventListener('input', () => scrub(Number(range.value)));

  function render() {
    const { path, picture } = studio.draft.get();
    const { frame, selected } = studio.ui.get();
    const steps = Math.max(path.closed ? path.frames : path.frames - 1, 1);
    const width = Math.max(svg.clientWidth, 1);
    const x = (at) => (at / steps) * width;
    range.max = String(Math.max(path.frames - 1, 0));
    const whole = wholeFrame(path, frame);
    range.value = String(whole);
    range.disabled = path.keys.length === 0;
    range.setAttribute('aria-valuetext', t('path.frameOf', { frame: whole + 1, frames: path.frames }));
    svg.setAttribute('viewBox', `0 0 ${width} 62`);
    const parts = [];
    if (path.keys.length > 0) {
      parts.push(...warned(studio.warnings.get(), path.frames, x, width), ...speeds(studio.poses(), path, x, width));
      if (picture) parts.push(draw('path', { class: 'photo', d: `M${x(path.imageIndex) - 4} 0h8l-4 6z` }));
      parts.push(...path.keys.map((_, index) => mark(path, index, x, selected)));
      parts.push(draw('line', { class: 'head', x1: x(frame), x2: x(frame), y1: 4, y2: 62 }));
    }
    svg.replaceChildren(...parts);
  }

  function mark(path, index, x, selected) {
    const end = index === 0 || index >= numSegments(path) ? ' end' : '';
    const at = x(frameOfKey(path, index));
    const shape = draw('path', { class: `key-mark${end}${index === selected ? ' selected' : ''}`, d: `M${at} ${KEYS_Y - 6}l6 6-6 6-6-6z` });
    shape.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      select(index);
      if (end || drag) return;
      drag = { index, pointer: event.pointerId };
      timeline.setPointerCapture(event.pointerId);
    });
    return shape;
  }

  timeline.addEventListener('pointermove', (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const { path } = studio.draft.get();
    const { left, width } = svg.getBoundingClientRect();
    const steps = path.closed ? path.frames : path.frames - 1;
    studio.changePath(retimeKey(path, drag.index, ((event.clientX - left) / width) * steps), `retime ${drag.index}`);
  });
  for (const type of ['pointerup', 'pointercancel']) {
    timeline.addEventListener(type, (event) => {
      if (!drag || event.pointerId !== drag.pointer) return;
      studio.settle();
      drag = null;
    });
  }
  new ResizeObserver(render).observe(timeline);

  return render;
}

/** What was warned of may be told of a longer path, until the server has judged this one. */
function warned(warnings, count, x, width) {
  const frames = new Set(warnings.flatMap((warning) => warning.frames).filter((frame) => frame < count));
  return [...frames].map((frame) => {
    const [from, to] = [Math.max(x(frame - 0.5), 0), Math.min(x(frame + 0.5), width)];
    return draw('rect', { class: 'warned', x: from, width: to - from, y: 0, height: 62 });
  });
}

function speeds(poses, path, x, width) {
  const { moves, turns } = speedOf(poses, path.closed);
  if (moves.length === 0) return [];
  const y = (values, usual) => {
    const most = Math.max(...values, usual);
    return values.map((value) => BOTTOM - (BOTTOM - TOP) * (value / most));
  };
  const line = (heights) => heights.map((height, i) => `${x(i)} ${height}L${x(i + 1)} ${height}`).join('L');
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const distance = t('graph.move', { value: mean(moves).toPrecision(2) });
  const angle = t('graph.turn', { value: mean(turns).toFixed(1) });
  return [
    draw('path', { class: 'moves', d: `M0 ${BOTTOM}L${line(y(moves, USUAL_MOVE))}L${width} ${BOTTOM}z` }),
    draw('path', { class: 'turns', d: `M${line(y(turns, USUAL_TURN))}` }),
    draw('text', { class: 'moves-name', x: 8, y: 11 }, distance),
    draw('text', { class: 'turns-name', x: width - 8, y: 11, 'text-anchor': 'end' }, angle),
  ];
}
