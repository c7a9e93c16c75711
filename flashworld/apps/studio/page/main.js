/**
 * The studio's page. Everything it knows is in the stores of state.js; what a person does changes a store, and each part of
 * the page draws itself anew from them (mount.js).
 */

import { NoWebGL, WorldView } from '../web/view.js';
import { api } from './api.js';
import { keepDraft, loadDraft } from './draft.js';
import { byId, putIcons } from './elements.js';
import { t } from './i18n.js';
import { followJobs } from './jobs.js';
import { prepareLook } from './look.js';
import { prepareMenus } from './menu.js';
import { mount } from './mount.js';
import { emptyDraft } from './request.js';
import { createStudio } from './state.js';
import { prepareTabs } from './tabs.js';

const KEEP_MILLISECONDS = 400;

start();

async function start() {
  const studio = createStudio();
  putIcons(document);
  prepareMenus();
  prepareLook();
  const kept = await loadDraft().catch(() => undefined);
  if (kept) studio.openDraft({ ...emptyDraft(), ...kept });
  let view;
  try {
    view = new WorldView(byId('view'), { label: t('stage.title') });
  } catch (error) {
    if (!(error instanceof NoWebGL)) throw error;
    byId('stage-fault').textContent = t('error.webgl');
    return;
  }
  mount(studio, api, view);
  prepareTabs();
  keepDrafts(studio);
  followJobs(studio.jobs, api);
  api.machine().then(studio.machine.set, () => {});
  api.templates().then(studio.templates.set, () => {});
  Object.assign(window, { studio: { state: studio, view } });
  document.documentElement.dataset.state = 'ready';
}

/** What is being made survives a reload. */
function keepDrafts(studio) {
  let timer;
  studio.draft.watch((draft) => {
    clearTimeout(timer);
    timer = setTimeout(() => keepDraft(draft).catch(() => {}), KEEP_MILLISECONDS);
  });
}
