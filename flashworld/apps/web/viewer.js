// The stand-alone viewer: a scene file in a page of its own or in an iframe.
//
// viewer.html#scene=URL&poses=URL&image=URL&theme=dark|light&lang=en|zh
//   scene  PLY, SPZ, SOG, SPLAT or KSPLAT
//   poses  JSON {cameras: [Camera], height, width, image_index?, resolution?}: the cameras through which the world was
//          made; the view starts at the picture's. `image_index` counts the frames of `resolution`, else the cameras.
//   image  the picture, for the wipe
// The page around it may change all of these by a new hash, or by postMessage({type: 'show', scene, poses, image});
// `scene` may then be an ArrayBuffer or a Blob, `poses` the object itself. A world that is shown stays until the next
// is ready. The page around is told {type: 'state', state, message}.
// `document.documentElement.dataset.state` is "empty", "loading", "ready" or "error"; `window.viewerReady` says ready.

import { poseOf, SceneError, WorldView } from './view.js';
import { Wipe } from './wipe.js';
import { wordsOf } from './words.js';

const root = document.documentElement;
const $ = (id) => document.getElementById(id);
const tool = (name) => document.querySelector(`[data-tool="${name}"]`);
const GLIDE_SECONDS = 0.6;

let words;
let view = null;
let wipe = null;
/** Where the view starts if nothing is known of a scene's cameras. */
let usualHome;
/** What the wipe compares with: {image, camera, width, height}, or null. */
let taken = null;
/** How many scenes were asked for. */
let opened = 0;

start();

function start() {
  const { lang, theme } = parameters();
  words = wordsOf(lang ?? navigator.language);
  root.lang = words === wordsOf('zh') ? 'zh' : 'en';
  const dark = matchMedia('(prefers-color-scheme: light)');
  const paint = () => (root.dataset.theme = parameters().theme ?? theme ?? (dark.matches ? 'light' : 'dark'));
  dark.addEventListener('change', paint);
  addEventListener('hashchange', () => {
    paint();
    open(parameters());
  });
  paint();
  write();
  try {
    view = new WorldView($('view'), { label: words.view });
  } catch (error) {
    return fail(error);
  }
  usualHome = view.home;
  wipe = new Wipe(view, words);
  view.onLost(() => fail({ reason: 'lost' }));
  handleTools();
  handleFiles();
  addEventListener('message', ({ data, source }) => {
    if (source === parent && data?.type === 'show') open(data);
  });
  open(parameters());
}

function parameters() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Shows a scene, or the invitation to choose one. A later call overtakes an earlier one. */
async function open({ scene, poses, image }) {
  const turn = ++opened;
  if (!scene) {
    view.clear();
    return say('empty', words.empty, words.invitation, words.choose);
  }
  say('loading', words.loading, '');
  try {
    const path = typeof poses === 'string' ? await fetchPath(poses) : poses;
    if (turn !== opened) return;
    const began = path ? beginning(path) : null;
    view.home = began ? poseOf(began.camera, began.height) : usualHome;
    const shown = await view.show(scene, { onProgress: (fraction) => turn === opened && progress(fraction) });
    if (!shown || turn !== opened) return;
    wipe.close();
    taken = began && image ? { image, ...began } : null;
    tool('picture').hidden = !taken;
  } catch (error) {
    if (turn === opened) fail(error);
    return;
  }
  say('ready', '', '');
  if (!root.matches(':focus-within')) view.canvas.focus({ preventScroll: true, focusVisible: false });
}

async function fetchPath(address) {
  try {
    return await (await fetch(address)).json();
  } catch (error) {
    throw new SceneError('poses', error.message);
  }
}

/** The camera of a path that saw the picture, and the size of what it saw. */
function beginning({ cameras, height, width, image_index = 0, resolution }) {
  const frames = resolution?.[0] ?? cameras?.length;
  const camera = cameras?.[Math.round((image_index / Math.max(frames - 1, 1)) * (cameras.length - 1))];
  if (!camera || !height || !width) throw new SceneError('poses', 'cameras, height or width are missing.');
  return { camera, width, height };
}

function progress(fraction) {
  if (fraction === null) $('progress').removeAttribute('value');
  else $('progress').value = fraction;
  if (fraction === 1) $('card-title').textContent = words.preparing;
}

function fail(error) {
  const text = words.errors[error.reason] ?? words.errors.unknown;
  console.warn(error.message ?? text);
  view?.clear();
  wipe?.close();
  say('error', words.failed, text, view && error.reason !== 'lost' ? words.another : '');
}

/** Brings the page into a state and tells the page around it. */
function say(state, title, text, choice = '') {
  root.dataset.state = state;
  root.toggleAttribute('data-world', (view?.stats.splats ?? 0) > 0);
  window.viewerReady = state === 'ready';
  $('card-title').textContent = title;
  $('card-text').textContent = text;
  $('choose').textContent = choice;
  $('choose').hidden = !choice;
  $('progress').hidden = state !== 'loading';
  $('progress').removeAttribute('value');
  $('splats').textContent = words.splats(new Intl.NumberFormat(root.lang).format(view?.stats.splats ?? 0));
  if (parent !== window) parent.postMessage({ type: 'state', state, message: text }, '*');
}

/** Puts the words of the language where they belong. */
function write() {
  document.title = words.title;
  $('tools').setAttribute('aria-label', words.tools);
  for (const name of ['reset', 'picture', 'settings', 'screenshot', 'fullscreen', 'help']) name_(tool(name), words[name]);
  for (const place of document.querySelectorAll('[data-word]')) place.textContent = words[place.dataset.word];
  for (const [keys, effect] of words.keys) {
    $('help').append(
      Object.assign(document.createElement('dt'), { textContent: keys }),
      Object.assign(document.createElement('dd'), { textContent: effect }),
    );
  }
}

function name_(button, name) {
  button.setAttribute('aria-label', name);
  button.title = name;
}

function handleTools() {
  const act = {
    reset: () => view.reset({ seconds: GLIDE_SECONDS }),
    mode: () => changeMode(view.controls.mode === 'orbit' ? 'fly' : 'orbit'),
    picture: () => (wipe.isOpen ? wipe.close() : wipe.open(taken.image, taken.camera, taken.width, taken.height)),
    screenshot: async () => save(await view.screenshot(), 'world.png'),
    fullscreen: () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
  };
  for (const [name, handle] of Object.entries(act)) tool(name).addEventListener('click', handle);
  tool('fullscreen').hidden = !document.fullscreenEnabled;
  changeMode('orbit');
  wipe.onChange = () => tool('picture').setAttribute('aria-pressed', wipe.isOpen);

  $('speed').addEventListener('input', () => {
    view.controls.speed = 2 ** $('speed').valueAsNumber;
    $('speed-value').textContent = `× ${view.controls.speed.toFixed(2)}`;
  });
  $('lens').addEventListener('input', () => {
    view.fovY = ($('lens').valueAsNumber * Math.PI) / 180;
  });
  $('speed').dispatchEvent(new Event('input'));
  view.onMove(({ fovY }) => {
    const degrees = Math.round((fovY * 180) / Math.PI);
    $('lens').value = degrees;
    $('lens-value').textContent = `${degrees}°`;
  });
  setInterval(() => {
    $('fps').textContent = view.stats.fps > 1 ? words.fps(Math.round(view.stats.fps)) : '';
  }, 500);
}

/** The button names, and shows, what a press changes to. */
function changeMode(mode) {
  view.controls.mode = mode;
  const other = mode === 'orbit' ? 'fly' : 'orbit';
  name_(tool('mode'), words[other]);
  tool('mode').querySelector('use').setAttribute('href', `#icon-${other}`);
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement('a'), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function handleFiles() {
  const take = (files) => files.length && open({ scene: files[0] });
  $('choose').addEventListener('click', () => $('file').click());
  $('file').addEventListener('change', () => take($('file').files));
  addEventListener('dragover', (event) => {
    event.preventDefault();
    root.toggleAttribute('data-dropping', true);
  });
  for (const type of ['dragleave', 'drop']) addEventListener(type, () => root.toggleAttribute('data-dropping', false));
  addEventListener('drop', (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}
