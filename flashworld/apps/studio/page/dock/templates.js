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
    form.append(grid, amountFields(template), fault, foot(close, add));
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
    return make('div', { class: 'template-form' }, make('span', {}, t('template.amount')), range, number, make('span', { class: 'faint' }, known(`unit.${unit}`, unit)));
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

/** Lines of the way from above and of where the camera looks, fitted into the sketch. */
function plan(poses) {
  const places = poses.map(({ position: [x, , z] }) => [x, z]);
  const rises = poses.map(({ position: [, y] }) => y);
  const side = Math.max(...rises) - Math.min(...rises) > 0.3 * extent(places);
  const points = side ? poses.map(({ position: [, y, z] }) => [-z, -y]) : places;
  const span = Math.max(extent(points), 1);
  const [cx, cy] = [0, 1].map((axis) => (Math.max(...points.map((p) => p[axis])) + Math.min(...points.map((p) => p[axis]))) / 2);
  const at = ([x, y]) => [SKETCH.width / 2 + ((x - cx) * 40) / span, SKETCH.height / 2 + ((y - cy) * 40) / span];
  const looks = poses.filter((_, i) => i % 12 === 0 || i === poses.length - 1).map((pose) => {
    const { quaternion: [w, x, y, z] } = pose;
    const ahead = [-2 * (x * z + w * y), -2 * (y * z - w * x), -(1 - 2 * (x * x + y * y))];
    const [dx, dy] = side ? [-ahead[2], -ahead[1]] : [ahead[0], ahead[2]];
    const [px, py] = at(points[poses.indexOf(pose)]);
    return `M${px} ${py}l${dx * 13} ${dy * 13}`;
  });
  const [sx, sy] = at(points[0]);
  return [
    draw('path', { d: looks.join(''), 'stroke-width': 1, opacity: 0.55 }),
    draw('path', { d: `M${points.map((point) => at(point).join(' ')).join('L')}` }),
    draw('circle', { class: 'start', cx: sx, cy: sy, r: 3.2 }),
  ];
}

function extent(points) {
  return Math.max(...[0, 1].map((axis) => Math.max(...points.map((p) => p[axis])) - Math.min(...points.map((p) => p[axis]))));
}
