/** What a world is made from: the picture and its crop, the sentence, the size, the seed; and what the machine is. */

import { byId, make } from '../elements.js';
import { cropBox } from '../fitting.js';
import { t } from '../i18n.js';
import { wholeFrame } from '../path/sample.js';
import { drawCrop, openPicture } from '../picture.js';
import { MAX_SEED } from '../request.js';

/**
 * @param {import('../state.js').Studio} studio
 * @param {{say: (text: string) => void}} actions
 */
export function mountInputs(studio, { say }) {
  const change = (fields) => studio.draft.update(fields);
  const on = (id, type, handle) => byId(id).addEventListener(type, handle);
  let drawn = { picture: null, size: null };
  let custom = false;
  /** How often a picture was chosen, or the draft's became another: a large one is not open at once, and the latest holds. */
  let chosen = 0;

  studio.draft.watch(({ picture }, before) => {
    if (picture?.blob !== before?.picture?.blob) chosen += 1;
  });

  async function take(blob) {
    const turn = ++chosen;
    byId('picture-fault').textContent = '';
    try {
      const picture = await openPicture(blob);
      if (turn !== chosen) return;
      change({ picture });
      say(t('picture.taken'));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      if (turn !== chosen) return;
      byId('picture-fault').textContent = t(error.message);
    }
  }

  on('choose-picture', 'click', () => byId('picture-file').click());
  on('picture-file', 'change', ({ target }) => {
    if (target.files[0]) take(target.files[0]);
    target.value = '';
  });
  addEventListener('paste', (event) => {
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith('image/'));
    if (file) take(file);
  });
  on('remove-picture', 'click', () => {
    change({ picture: null });
    byId('choose-picture').focus();
  });
  on('crop-place', 'input', ({ target }) => {
    const { picture } = studio.draft.get();
    const share = Number(target.value) / 100;
    change({ picture: { ...picture, place: { x: share, y: share } } });
  });
  on('image-index', 'input', ({ target }) => studio.changePath({ ...studio.draft.get().path, imageIndex: Number(target.value) }, 'image index'));
  on('image-index', 'change', () => studio.settle());
  on('picture-here', 'click', () => {
    const { path } = studio.draft.get();
    studio.changePath({ ...path, imageIndex: wholeFrame(path, studio.ui.get().frame) });
  });
  on('prompt', 'input', ({ target }) => change({ prompt: target.value }));
  on('name', 'input', ({ target }) => change({ name: target.value }));
  on('seed', 'input', ({ target }) => {
    const digits = target.value.replace(/\D/g, '');
    if (digits !== target.value) target.value = digits;
    change({ seed: digits === '' ? null : Math.min(Number(digits), MAX_SEED) });
  });
  on('dice', 'click', () => change({ seed: crypto.getRandomValues(new Uint32Array(1))[0] }));
  on('exact-size', 'change', ({ target }) => change({ exactSize: target.checked }));
  on('size', 'change', ({ target }) => {
    custom = target.value === 'custom';
    if (!custom) {
      const [frames, height, width] = target.value.split(',').map(Number);
      const { path } = studio.draft.get();
      change({ size: { width, height } });
      if (path.keys.length === 0) studio.changePath({ ...path, frames });
    }
    render();
  });
  for (const side of ['width', 'height']) {
    on(side, 'change', ({ target }) => {
      const { least, most, multiple } = studio.machine.get()?.limits.sides ?? { least: 64, most: 1280, multiple: 32 };
      const value = Math.min(Math.max(Math.round(Number(target.value) / multiple) * multiple, least), most);
      change({ size: { ...studio.draft.get().size, [side]: value } });
      target.value = String(value);
    });
  }
  prepareDrop(take);

  function render() {
    const { picture, prompt, name, seed, exactSize, path } = studio.draft.get();
    byId('drop').classList.toggle('filled', picture !== null);
    byId('drop-empty').hidden = picture !== null;
    byId('crop').hidden = picture === null;
    byId('picture-tools').hidden = picture === null;
    byId('choose-picture').textContent = t(picture ? 'picture.change' : 'picture.choose');
    if (byId('prompt').value !== prompt) byId('prompt').value = prompt;
    if (byId('name').value !== name) byId('name').value = name;
    if (document.activeElement !== byId('seed')) byId('seed').value = seed === null ? '' : String(seed);
    byId('exact-size').checked = exactSize;
    const index = byId('image-index');
    index.max = String(path.frames - 1);
    index.value = String(path.imageIndex);
    byId('image-index-value').textContent = t('picture.frameOf', { frame: path.imageIndex + 1, frames: path.frames });
    renderSizes();
    renderCrop();
    renderMachine();
  }

  function renderCrop() {
    const { picture, size } = studio.draft.get();
    if (picture) {
      const box = cropBox(picture, size);
      const free = picture.width - box.width > 1 || picture.height - box.height > 1;
      byId('crop-place-row').hidden = !free;
      byId('crop-place').value = String(100 * (picture.width - box.width > 1 ? picture.place.x : picture.place.y));
    }
    // What was wrong with another picture is no longer of interest once this one is there.
    if (drawn.picture !== picture) byId('picture-fault').textContent = '';
    if (drawn.picture === picture && drawn.size === size) return;
    drawn = { picture, size };
    if (picture) preview(byId('crop'), picture, size, () => drawn.picture === picture && drawn.size === size);
  }

  function renderSizes() {
    const { size, path } = studio.draft.get();
    const presets = studio.machine.get()?.resolutions ?? [];
    const native = studio.machine.get()?.native_size;
    const fitting = presets.find(({ resolution: [, height, width] }) => height === size.height && width === size.width);
    const select = byId('size');
    const option = ({ name, resolution }) => {
      const [, height, width] = resolution;
      return make('option', { value: resolution.join() }, `${t(`size.${name}`)} · ${width} × ${height}`);
    };
    const text = `${size.width} × ${size.height}`;
    select.replaceChildren(...presets.map(option), make('option', { value: 'custom' }, fitting ? t('size.custom') : `${t('size.custom')} · ${text}`));
    select.value = fitting && !custom ? fitting.resolution.join() : 'custom';
    byId('custom-size').hidden = select.value !== 'custom';
    for (const side of ['width', 'height']) if (document.activeElement !== byId(side)) byId(side).value = String(size[side]);
    const differs = native && (native[0] !== path.frames || native.at(-2) !== size.height || native.at(-1) !== size.width);
    byId('exact-row').hidden = !native;
    byId('native-note').textContent = differs && !studio.draft.get().exactSize ? t('output.native', { size: nativeWords(native) }) : '';
  }

  function renderMachine() {
    const machine = studio.machine.get();
    if (!machine) return;
    const [model] = machine.models;
    const memory = Object.entries(machine.memory ?? {}).filter(([, used]) => used).map(([name]) => t(`memory.${name}`));
    const facts = [
      ['machine.model', `${model.name}${model.trained ? '' : ` (${t('machine.untrained')})`}`],
      ['machine.device', `${machine.device} · ${machine.dtype}`],
      ['machine.native', machine.native_size ? nativeWords(machine.native_size) : t('machine.any')],
      ...(machine.memory ? [['machine.memory', memory.join(', ') || t('memory.none')]] : []),
      ['machine.rasteriser', machine.rasteriser],
      ['machine.atOnce', String(machine.max_concurrent)],
    ];
    byId('machine-facts').replaceChildren(...facts.flatMap(([name, value]) => [make('dt', {}, t(name)), make('dd', {}, value)]));
    const note = !model.trained && make('span', { class: 'badge' }, ` · ${t('machine.untrained')}`);
    byId('machine').replaceChildren(`${model.name} · ${machine.device}`, ...(note ? [note] : []));
    byId('machine').title = model.trained ? '' : t('machine.untrainedTitle');
  }

  return { render, take };
}

const nativeWords = ([frames, height, width]) => t('machine.size', { width, height, frames });

/** The whole picture, what is cut off darkened; nothing if it is no longer the one to show once it is open. */
async function preview(canvas, picture, size, isWanted) {
  const cropped = await drawCrop(picture, size);
  const box = cropBox(picture, size, picture.place);
  const scale = Math.min(540 / picture.width, 400 / picture.height);
  const whole = await createImageBitmap(picture.blob);
  if (!isWanted()) return whole.close();
  Object.assign(canvas, { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
  const context = canvas.getContext('2d');
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  context.fillStyle = 'rgb(8 10 12 / 68%)';
  context.fillRect(0, 0, canvas.width, canvas.height);
  const [x, y, width, height] = [box.x, box.y, box.width, box.height].map((value) => value * scale);
  context.drawImage(cropped, x, y, width, height);
}

/** Files may be dropped anywhere on the page, pictures and paths alike: whoever misses the box should not lose the page. */
function prepareDrop(take) {
  const isFile = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    byId('drop').classList.add('over');
  });
  addEventListener('dragleave', (event) => event.relatedTarget === null && byId('drop').classList.remove('over'));
  addEventListener('drop', (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    byId('drop').classList.remove('over');
    const files = [...event.dataTransfer.files];
    const picture = files.find(({ type }) => type.startsWith('image/'));
    if (picture) take(picture);
    else if (files.length > 0) dispatchEvent(new CustomEvent('studio-import', { detail: files }));
  });
}
