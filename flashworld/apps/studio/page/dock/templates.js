/** Ready movements: all of the core's, with an amount, as a sketch from above; added after the last key. */

import { ApiError } from '../api.js';
import { byId, draw, make } from '../elements.js';
import { known, t } from '../i18n.js';
import { appendKeys } from '../path/edit.js';
import { cameraOf, fovOf, poseOf } from '../path/lens.js';
import { simplify } from '../path/simplify.js';

/** Cameras that a movement is described with before it becomes a few keys. */
const SAMPLES = 48;
const SKETCH = { width: 130, height: 62 };

/**
 * @param {import('../state.js').Studio} studio
 * @param {typeof import('../api.js').api} api
 * @param {{poseOfView: () => import('../path/lens.js').Pose, select: (index: number) => void, say: (text: string) => void}} actions
 */
export function mountTemplates(studio, api, { poseOfView, select, say }) {
  const dialog = byId('templates');
  const sketches = new Map();
  let chosen = 'orbit-left';
  let amounts = {};

  byId('add-template').addEventListener('click', open);

  function open() {
    render();
    dialog.showModal();
    dialog.querySelector('[aria-pressed="true"]')?.focus();
  }

  function render() {
    const templates = studio.templates.get();
    const template = templates.find(({ name }) => name === chosen) ?? templates[0];
    const fault = make('p', { class: 'fault', role: 'alert' });
    if (!template) {
      dialog.replaceChildren(heading(), make('p', {}, t('template.none')), foot(make('button', { onclick: () => dialog.close() }, t('dialog.close'))));
      return;
    }
    const grid = make('div', { class: 'template-grid' }, ...templates.map((one) => card(one, one.name === template.name)));
    const add = make('button', { class: 'primary', type: 'submit' }, t('template.add'));
    const form = make('form', { onsubmit: (event) => {
      event.preventDefault();
      append(template, fault, add);
    } });
    const close = make('button', { type: 'button', onclick: () => dialog.close() }, t('dialog.cancel'));
    form.append(grid, fault, make('div', { class: 'template-foot' }, amountFields(template), foot(close, add)));
    dialog.replaceChildren(heading(), make('p', { class: 'faint' }, t(studio.draft.get().path.keys.length ? 'template.after' : 'template.first')), form);
  }

  const heading = () => make('h2', { id: 'templates-title' }, t('template.title'));
  const foot = (...buttons) => make('div', { class: 'sheet-foot' }, ...buttons);

  function card(template, pressed) {
    const onclick = () => {
      chosen = template.name;
      render();
      dialog.querySelector('[aria-pressed="true"]').focus();
    };
    const title = known(`template.${template.name}`, template.title);
    const description = known(`template.${template.name}.text`, template.description);
    const element = make('button', { class: 'template-card', type: 'button', 'aria-pressed': String(pressed), onclick });
    element.append(sketch(template), make('strong', {}, title), make('span', {}, description));
    return element;
  }

  function amountFields(template) {
    const { name, least, most, unit } = template;
    const value = amounts[name] ?? template.default;
    const range = make('input', { type: 'range', min: 0, max: 100, step: 1, 'aria-label': t('template.amount') });
    const number = make('input', { type: 'number', min: least, max: most, step: 'any', value, 'aria-label': t('template.amount') });
    // Amounts span orders of magnitude: the slider is linear up to four times the usual, which is where people want it.
    const upper = Math.min(most, 4 * template.default);
    range.value = String((100 * value) / upper);
    range.addEventListener('input', () => {
      amounts = { ...amounts, [name]: Math.max(Number(((Number(range.value) / 100) * upper).toPrecision(3)), least) };
      number.value = String(amounts[name]);
    });
    number.addEventListener('input', () => {
      amounts = { ...amounts, [name]: Number(number.value) };
      range.value = String((100 * Number(number.value)) / upper);
    });
    const units = make('span', { class: 'faint' }, known(`unit.${unit}`, unit));
    return make('div', { class: 'template-form' }, make('span', {}, t('template.amount')), range, number, units);
  }

  /** The movement seen from above, the start below and the subject as a dot. It is drawn from the server's own cameras. */
  function sketch({ name }) {
    const svg = draw('svg', { class: 'sketch', viewBox: `0 0 ${SKETCH.width} ${SKETCH.height}`, 'aria-hidden': 'true' });
    if (sketches.has(name)) sketches.get(name).then((parts) => svg.replaceChildren(...parts.map((part) => part.cloneNode())));
    else {
      const drawn = cameras(name).then(plan, () => []);
      sketches.set(name, drawn);
      drawn.then((parts) => svg.replaceChildren(...parts.map((part) => part.cloneNode())));
    }
    return svg;
  }

  async function cameras(template, more = {}) {
    const { size } = studio.draft.get();
    const answer = await api.template({ template, frames: SAMPLES, resolution: [SAMPLES, size.height, size.width], ...more });
    return answer.cameras.map((camera) => poseOf(camera, size));
  }

  async function append(template, fault, button) {
    const { path, size } = studio.draft.get();
    const start = path.keys.at(-1) ?? poseOfView();
    button.disabled = true;
    try {
      const poses = await cameras(template.name, {
        amount: amounts[template.name] ?? template.default, fov_degrees: fovOf(start.lens), start: cameraOf(start, size),
      });
      const all = [{ position: start.position, quaternion: start.quaternion, lens: start.lens }, ...poses];
      const keys = simplify(all, all.map((_, i) => i), path.curve);
      studio.changePath(appendKeys(path, keys));
      select(studio.draft.get().path.keys.length - 1);
      dialog.close();
      say(t('template.added', { name: t(`template.${template.name}`) }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fault.textContent = error.status ? error.message : t('error.unreachable');
    } finally {
      button.disabled = false;
    }
  }

  return { open, render: () => dialog.open && render() };
}

/** Lines of the way and of where the camera looks, seen from above, from the side or from behind, whichever tells most. */
function plan(poses) {
  const aheads = poses.map(({ quaternion: [w, x, y, z] }) => [-2 * (x * z + w * y), -2 * (y * z - w * x), -(1 - 2 * (x * x + y * y))]);
  const spread = [0, 1, 2].map((axis) => reach(poses.map(({ position }) => position[axis])) + 0.4 * reach(aheads.map((ahead) => ahead[axis])));
  const lowest = spread.indexOf(Math.min(...spread));
  const flat = { 0: ([, y, z]) => [-z, -y], 1: ([x, , z]) => [x, z], 2: ([x, y]) => [x, -y] }[spread[1] < 0.05 ? 1 : lowest];
  const points = poses.map(({ position }) => flat(position));
  const span = Math.max(extent(points), 1);
  const middle = [0, 1].map((axis) => (Math.max(...points.map((p) => p[axis])) + Math.min(...points.map((p) => p[axis]))) / 2);
  const at = ([x, y]) => [SKETCH.width / 2 + ((x - middle[0]) * 38) / span, SKETCH.height / 2 + ((y - middle[1]) * 38) / span];
  const looks = points.flatMap((point, i) => {
    if (i % 12 !== 0 && i !== points.length - 1) return [];
    const [dx, dy] = flat(aheads[i]);
    return [`M${at(point).join(' ')}l${dx * 13} ${dy * 13}`];
  });
  const [x, y] = at(points[0]);
  return [
    draw('path', { d: looks.join(''), 'stroke-width': 1, opacity: 0.55 }),
    draw('path', { d: `M${points.map((point) => at(point).join(' ')).join('L')}` }),
    draw('circle', { class: 'start', cx: x, cy: y, r: 3.2 }),
  ];
}

const reach = (values) => Math.max(...values) - Math.min(...values);

function extent(points) {
  return Math.max(...[0, 1].map((axis) => reach(points.map((point) => point[axis]))));
}
