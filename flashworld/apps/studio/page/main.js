/**
 * The studio's page. Everything it knows is in the stores of state.js; what a person does changes a store, and each part of
 * the page draws itself anew from them.
 */

import { NoWebGL, poseOf as viewPoseOf, WorldView } from '../web/view.js';
import { posed } from '../web/cameras.js';
import { api, ApiError } from './api.js';
import { mountGraph } from './dock/graph.js';
import { mountInspector } from './dock/inspector.js';
import { mountStrip } from './dock/strip.js';
import { mountTemplates } from './dock/templates.js';
import { mountTransport } from './dock/transport.js';
import { mountWarnings } from './dock/warnings.js';
import { keepDraft, loadDraft } from './draft.js';
import { byId, icon, make, putIcons, saveAs } from './elements.js';
import { LANGUAGES, language, preferredLanguage, t, translate } from './i18n.js';
import { followJobs, withJob } from './jobs.js';
import { mountKeys } from './keyboard.js';
import { prepareMenus } from './menu.js';
import { askName, askWhether } from './panels/ask.js';
import { compare } from './panels/compare.js';
import { mountFiles } from './panels/files.js';
import { mountInputs } from './panels/inputs.js';
import { showKeys } from './panels/keys.js';
import { mountQueue } from './panels/queue.js';
import { mountWorlds, nameOf } from './panels/worlds.js';
import { addKey } from './path/edit.js';
import { cameraOf } from './path/lens.js';
import { frameOfKey, poseAtFrame } from './path/sample.js';
import { pictureForRequest } from './picture.js';
import { missing, requestOf } from './request.js';
import { mountGround, SUBJECT_DISTANCE } from './stage/ground.js';
import { mountGrowing } from './stage/growing.js';
import { mountInset } from './stage/inset.js';
import { mountOverlay } from './stage/overlay.js';
import { createThumbnails } from './stage/thumbnails.js';
import { mountTools } from './stage/tools.js';
import { createWorlds } from './stage/world.js';
import { createStudio } from './state.js';

const FLIGHT_SECONDS = 0.5;
const KEEP_MILLISECONDS = 400;

start();

async function start() {
  const studio = createStudio();
  putIcons(document);
  prepareMenus();
  prepareLook();
  const kept = await loadDraft().catch(() => undefined);
  if (kept) studio.openDraft(kept);
  let view;
  try {
    view = new WorldView(byId('view'), { label: t('stage.title') });
  } catch (error) {
    if (!(error instanceof NoWebGL)) throw error;
    byId('stage-fault').textContent = t('error.webgl');
    return;
  }
  mount(studio, view);
  keepDrafts(studio);
  followJobs(studio.jobs, api);
  api.machine().then(studio.machine.set, () => {});
  api.templates().then(studio.templates.set, () => {});
  Object.assign(window, { studio: { state: studio, view } });
  document.documentElement.dataset.state = 'ready';
}

/** Theme and language, as chosen last. */
function prepareLook() {
  const root = document.documentElement;
  root.dataset.theme = localStorage.getItem('theme') ?? 'dark';
  byId('theme').addEventListener('click', () => {
    root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem('theme', root.dataset.theme);
    dispatchEvent(new Event('studio-theme'));
  });
  byId('language').replaceChildren(...Object.entries(LANGUAGES).map(([value, name]) => make('option', { value, lang: value }, name)));
  byId('language').addEventListener('change', ({ target }) => {
    localStorage.setItem('language', target.value);
    language.set(target.value);
  });
  language.watch((now) => {
    root.lang = now;
    byId('language').value = now;
    translate(document);
  });
  language.set(preferredLanguage(localStorage.getItem('language'), navigator.languages));
}

/** What is being made survives a reload. */
function keepDrafts(studio) {
  let timer;
  studio.draft.watch((draft) => {
    clearTimeout(timer);
    timer = setTimeout(() => keepDraft(draft).catch(() => {}), KEEP_MILLISECONDS);
  });
}

/** Builds all parts and lets each draw itself when what it shows has changed. */
function mount(studio, view) {
  const actions = actionsOn(studio, view);
  const worlds = createWorlds(studio, api, view, actions);
  actions.worlds = worlds;
  const thumbnails = createThumbnails(view);
  const { closeWorld, ...more } = jobActions(studio, view, actions, worlds);
  const tools = mountTools(studio, view, { ...actions, toggleWipe: worlds.toggleWipe, closeWorld });
  const ground = mountGround(studio, view);
  const inset = mountInset(studio, view, actions);
  const transport = mountTransport(studio, view, actions);
  const templates = mountTemplates(studio, api, actions);
  const files = mountFiles(studio, api, actions);
  const inputs = mountInputs(studio, actions);
  const keyActions = { ...actions, goTo: actions.goToKey };
  const parts = {
    overlay: mountOverlay(studio, view, actions),
    strip: mountStrip(studio, thumbnails, keyActions),
    graph: mountGraph(studio, actions),
    inspector: mountInspector(studio, keyActions),
    warnings: mountWarnings(studio, api, actions),
    growing: mountGrowing(studio, more),
    queue: mountQueue(studio, more),
    history: mountWorlds(studio, { ...more, reuse: (job) => more.reuse(job, files) }),
  };
  const generate = mountGenerate(studio, worlds);
  const hint = mountHint(studio, templates);

  tools.build();
  studio.draft.watch(() => {
    for (const render of [parts.overlay, parts.strip, parts.graph, parts.inspector, ground.render, inset.render, inputs.render, transport.render, generate.render, hint]) render();
  });
  let before = studio.ui.get();
  studio.ui.watch((now) => {
    const changed = (...names) => names.some((name) => now[name] !== before[name]);
    if (changed('selected')) for (const render of [parts.strip, parts.inspector]) render();
    if (changed('selected', 'frame', 'pathShown', 'riding')) for (const render of [parts.overlay, parts.graph, inset.render]) render();
    if (changed('lens', 'pathShown')) for (const render of [tools.render, inset.render, ground.render]) render();
    if (changed('playing', 'riding', 'recording')) transport.render();
    before = now;
  });
  studio.warnings.watch(() => [parts.warnings, parts.graph].forEach((render) => render()));
  studio.jobs.watch(({ connected }) => {
    byId('connection').textContent = connected ? '' : t('app.reconnecting');
    for (const render of [parts.growing, parts.queue, parts.history]) render();
  });
  studio.shown.watch((now, earlier) => {
    if (now.kind !== earlier?.kind || now.step !== earlier?.step) {
      ground.render();
      inset.render();
      hint();
      // Steps follow each other faster than a slow machine draws a strip of them: it waits for the finished world.
      if (now.kind !== 'preview') {
        thumbnails.forget();
        parts.strip();
      }
    }
    for (const render of [tools.render, parts.growing, parts.queue, parts.history]) render();
  });
  studio.machine.watch(() => inputs.render());
  ground.onChange(() => {
    thumbnails.forget();
    inset.forget();
    parts.strip();
    inset.render();
  });
  view.onMove(() => studio.draft.get().path.keys.length === 0 && inset.render());
  view.onLost(() => (byId('stage-fault').textContent = t('error.lost')));
  setInterval(() => [parts.growing, parts.queue].forEach((render) => render()), 1000);

  const redraw = () => {
    tools.build();
    for (const render of [...Object.values(parts), inputs.render, files.render, transport.render, generate.render, hint, templates.render, ground.render, inset.render]) render();
  };
  language.watch(redraw);
  addEventListener('studio-theme', redraw);
  prepareTabs();
  byId('help').addEventListener('click', showKeys);
  mountKeys(studio, { ...actions, ...transport, generate: generate.submit, templates: templates.open, help: showKeys, view });
  actions.opened();
}

/** What parts of the page ask of each other. */
function actionsOn(studio, view) {
  const poseOfView = () => {
    const { position, quaternion } = view.pose();
    return { position, quaternion, lens: studio.ui.get().lens };
  };
  const look = (pose) => {
    const { size } = studio.draft.get();
    view.lookThrough(cameraOf(pose, size), size.width, size.height);
  };
  const actions = {
    poseOfView,
    say: (text) => (byId('said').textContent = text),
    fail: (error) => (byId('stage-fault').textContent = error.reason ? `${error.message}` : String(error.message)),
    setLens(lens) {
      studio.ui.update({ lens });
      look(poseOfView());
    },
    goTo(pose) {
      const same = JSON.stringify(pose.lens) === JSON.stringify(studio.ui.get().lens);
      studio.ui.update({ lens: pose.lens });
      if (same) view.setPose({ position: pose.position, quaternion: pose.quaternion }, { seconds: FLIGHT_SECONDS });
      else look(pose);
    },
    select(index) {
      const { path } = studio.draft.get();
      const frame = index >= 0 && path.keys.length > 0 ? Math.min(frameOfKey(path, index), path.frames - 1) : studio.ui.get().frame;
      studio.ui.update({ selected: index, frame, playing: false });
    },
    showFrame(frame) {
      if (studio.ui.get().riding) look(poseAtFrame(studio.draft.get().path, frame));
    },
    scrub(frame) {
      studio.ui.update({ frame, playing: false });
      actions.showFrame(frame);
    },
    record() {
      const { path } = studio.draft.get();
      const { selected } = studio.ui.get();
      const index = selected >= 0 && selected < path.keys.length - 1 ? selected : path.keys.length - 1;
      studio.changePath(addKey(path, poseOfView(), index));
      actions.select(index + 1);
      actions.say(t('path.recordedKey', { number: index + 2 }));
      byId('view').classList.remove('flash');
      requestAnimationFrame(() => byId('view').classList.add('flash'));
    },
    /** Where the picture was taken from: of the world that is shown, else of the draft. */
    goHome() {
      const { path } = studio.draft.get();
      const pose = actions.worlds.poseOfPicture() ?? (path.keys.length > 0 ? poseAtFrame(path, path.imageIndex) : origin());
      view.controls.up.set(0, 1, 0).applyQuaternion(posed(pose).quaternion);
      view.controls.reach = view.depthAt(0, 0) ?? SUBJECT_DISTANCE;
      actions.goTo(pose);
    },
    goToKey: (index) => actions.goTo(studio.draft.get().path.keys[index]),
    /** After another draft came: its beginning is seen, and what is up in it is up. */
    opened() {
      const { path } = studio.draft.get();
      const pose = path.keys.length > 0 ? poseAtFrame(path, path.imageIndex) : origin();
      const { size } = studio.draft.get();
      const camera = cameraOf(pose, size);
      view.home = viewPoseOf(camera, size.height);
      view.controls.up.set(0, 1, 0).applyQuaternion(posed(pose).quaternion);
      view.controls.reach = SUBJECT_DISTANCE;
      studio.ui.update({ lens: pose.lens });
      look(pose);
    },
  };
  const origin = () => ({ position: [0, 0, 0], quaternion: [1, 0, 0, 0], lens: studio.ui.get().lens });
  return actions;
}

/** What can be done with a job, whichever part of the page asks. */
function jobActions(studio, view, { say, fail, opened }, worlds) {
  const put = (job) => studio.jobs.update({ jobs: withJob(studio.jobs.get().jobs, job) });
  const tell = (action) => async (...given) => {
    byId('stage-fault').textContent = '';
    try {
      await action(...given);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fail(error.status ? error : new Error(t('error.unreachable')));
    }
  };
  return {
    watch: tell((job) => worlds.watch(job.id)),
    open: tell((job) => worlds.open(job)),
    cancel: tell(async (job) => put(await api.cancel(job.id))),
    requeue: tell(async (job) => put(await api.requeue(job.id))),
    rename: tell(async (job) => {
      const name = await askName(t('world.rename'), job.name);
      if (name !== null) put(await api.rename(job.id, name));
    }),
    remove: tell(async (job) => {
      if (!(await askWhether(t('world.delete'), t('world.deleteText', { name: nameOf(job) }), t('world.delete')))) return;
      await api.remove(job.id);
      studio.jobs.update({ jobs: studio.jobs.get().jobs.filter(({ id }) => id !== job.id) });
      if (studio.shown.get().id === job.id) worlds.close();
    }),
    reuse: tell(async (job, files) => {
      await files.openRequest({ ...(await api.request(job.id)), name: '' });
      opened();
      say(t('world.reused', { name: nameOf(job) }));
    }),
    exportRequest: tell(async (job) => saveAs(new Blob([JSON.stringify(await api.request(job.id), null, 1)], { type: 'application/json' }), 'request.json')),
    more: tell(async () => {
      const { jobs, next } = studio.jobs.get();
      const page = await api.jobs(next);
      studio.jobs.update({ jobs: page.jobs.reduce(withJob, jobs), next: page.next });
    }),
    compare: (one, other) => compare(one, other, { pose: view.pose(), up: view.controls.up }),
    closeWorld: () => worlds.close(),
  };
}

/** The button that makes the world, and what is still missing for it. */
function mountGenerate(studio, worlds) {
  const button = byId('generate');
  let sending = false;

  async function submit() {
    const draft = studio.draft.get();
    if (sending || missing(draft).length > 0) return;
    sending = true;
    render();
    byId('generate-fault').textContent = '';
    try {
      const request = requestOf(draft, await pictureForRequest(draft.picture, draft.size));
      const job = await api.submit({ ...request, ...(draft.exactSize ? { exact_size: true } : {}) });
      studio.jobs.update({ jobs: withJob(studio.jobs.get().jobs, job) });
      const busy = studio.jobs.get().jobs.some(({ id, state }) => id === worlds.watched && state === 'running');
      if (!busy) await worlds.watch(job.id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      byId('generate-fault').textContent = error.status ? error.message : t('error.unreachable');
    } finally {
      sending = false;
      render();
    }
  }

  function render() {
    const needs = missing(studio.draft.get());
    button.disabled = sending || needs.length > 0;
    byId('needs').replaceChildren(...needs.map((key) => make('li', {}, icon('warning'), t(key))));
  }

  button.addEventListener('click', submit);
  return { render, submit };
}

/** What to do first, on the empty stage. */
function mountHint(studio, templates) {
  return function render() {
    const { path } = studio.draft.get();
    const empty = path.keys.length === 0 && studio.shown.get().kind === 'none';
    if (!empty) return byId('hint').replaceChildren();
    const ready = make('button', { type: 'button', onclick: templates.open }, icon('path'), t('hint.template'));
    return byId('hint').replaceChildren(make('strong', {}, t('hint.title')), t('hint.text'), make('div', { class: 'row' }, ready));
  };
}

/** On a phone one part at a time; on a desk the worlds can be put away. */
function prepareTabs() {
  const tabs = document.querySelectorAll('.tabs button');
  const show = (name) => {
    document.body.dataset.tab = name;
    for (const tab of tabs) tab.setAttribute('aria-pressed', String(tab.dataset.tab === name));
  };
  for (const tab of tabs) tab.addEventListener('click', () => show(document.body.dataset.tab === tab.dataset.tab ? 'view' : tab.dataset.tab));
  show('view');
  byId('toggle-worlds').addEventListener('click', ({ currentTarget }) => {
    const narrow = matchMedia('(max-width: 1080px)').matches;
    document.body.classList.toggle(narrow ? 'with-worlds' : 'without-worlds');
    currentTarget.setAttribute('aria-expanded', String(byId('worlds').offsetParent !== null));
  });
}
