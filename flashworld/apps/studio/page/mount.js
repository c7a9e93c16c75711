/** All parts of the page, and which of them draw themselves anew when something has changed. */

import { jobActions } from './actions/jobs.js';
import { stageActions } from './actions/stage.js';
import { mountGraph } from './dock/graph.js';
import { mountInspector } from './dock/inspector.js';
import { mountStrip } from './dock/strip.js';
import { mountTemplates } from './dock/templates.js';
import { mountTransport } from './dock/transport.js';
import { mountWarnings } from './dock/warnings.js';
import { byId } from './elements.js';
import { language, t } from './i18n.js';
import { mountKeys } from './keyboard.js';
import { mountFiles } from './panels/files.js';
import { mountGenerate } from './panels/generate.js';
import { mountInputs } from './panels/inputs.js';
import { showKeys } from './panels/keys.js';
import { mountQueue } from './panels/queue.js';
import { mountWorlds } from './panels/worlds.js';
import { mountGround } from './stage/ground.js';
import { mountGrowing } from './stage/growing.js';
import { mountHint } from './stage/hint.js';
import { mountInset } from './stage/inset.js';
import { mountOverlay } from './stage/overlay.js';
import { createThumbnails } from './stage/thumbnails.js';
import { mountTools } from './stage/tools.js';
import { createWorlds } from './stage/world.js';

const CLOCK_MILLISECONDS = 1000;

/**
 * @param {import('./state.js').Studio} studio @param {typeof import('./api.js').api} api
 * @param {import('../web/view.js').WorldView} view
 */
export function mount(studio, api, view) {
  const actions = stageActions(studio, view);
  const worlds = createWorlds(studio, api, view, actions);
  actions.worlds = worlds;
  const { closeWorld, ...onJobs } = jobActions(studio, api, view, actions, worlds);
  const onKeys = { ...actions, goTo: actions.goToKey };
  const thumbnails = createThumbnails(view);
  const tools = mountTools(studio, view, { ...actions, toggleWipe: worlds.toggleWipe, closeWorld });
  const ground = mountGround(studio, view);
  const inset = mountInset(studio, view, actions);
  const transport = mountTransport(studio, view, actions);
  const templates = mountTemplates(studio, api, actions);
  const files = mountFiles(studio, api, actions);
  const generate = mountGenerate(studio, api, worlds);
  /** What draws each part. */
  const draw = {
    ground: ground.render,
    tools: tools.render,
    overlay: mountOverlay(studio, view, actions),
    strip: mountStrip(studio, thumbnails, onKeys),
    graph: mountGraph(studio, actions),
    inspector: mountInspector(studio, onKeys),
    transport: transport.render,
    warnings: mountWarnings(studio, api, actions),
    templates: templates.render,
    inputs: mountInputs(studio, actions).render,
    files: files.render,
    generate: generate.render,
    growing: mountGrowing(studio, onJobs),
    queue: mountQueue(studio, onJobs),
    history: mountWorlds(studio, { ...onJobs, reuse: (job) => onJobs.reuse(job, files) }),
    inset: inset.render,
    hint: mountHint(studio, templates),
  };

  tools.build();
  redrawOnChange(studio, draw, thumbnails);
  ground.onChange(() => {
    thumbnails.forget();
    inset.forget();
    all(draw.strip, draw.inset);
  });
  view.onMove(() => studio.draft.get().path.keys.length === 0 && draw.inset());
  view.onLost(() => (byId('stage-fault').textContent = t('error.lost')));
  setInterval(() => all(draw.growing, draw.queue), CLOCK_MILLISECONDS);

  const redraw = () => {
    tools.build();
    all(...Object.values(draw));
  };
  language.watch(redraw);
  addEventListener('studio-theme', redraw);
  byId('help').addEventListener('click', showKeys);
  mountKeys(studio, { ...actions, ...transport, generate: generate.submit, templates: templates.open, help: showKeys, view });
  actions.opened();
}

const all = (...renders) => renders.forEach((render) => render());

/** Joins the stores to the parts that show them. */
function redrawOnChange(studio, draw, thumbnails) {
  studio.draft.watch(() => {
    all(draw.overlay, draw.strip, draw.graph, draw.inspector, draw.ground, draw.inset);
    all(draw.inputs, draw.transport, draw.generate, draw.hint, draw.tools);
  });
  let before = studio.ui.get();
  studio.ui.watch((now) => {
    const changed = (...names) => names.some((name) => now[name] !== before[name]);
    if (changed('selected')) all(draw.strip, draw.inspector);
    if (changed('selected', 'frame', 'pathShown', 'riding', 'comparing')) all(draw.overlay, draw.graph, draw.inset);
    if (changed('lens', 'pathShown')) all(draw.tools, draw.inset, draw.ground);
    if (changed('playing', 'riding', 'recording')) draw.transport();
    before = now;
  });
  studio.warnings.watch(() => all(draw.warnings, draw.graph));
  studio.machine.watch(() => draw.inputs());
  studio.jobs.watch(({ connected }) => {
    byId('connection').textContent = connected ? '' : t('app.reconnecting');
    all(draw.growing, draw.queue, draw.history);
  });
  studio.shown.watch((now, earlier) => {
    if (now.source !== earlier?.source) {
      all(draw.ground, draw.inset, draw.hint);
      // Steps follow each other faster than a slow machine draws a strip of them: it waits for the finished world.
      if (now.kind !== 'preview') {
        thumbnails.forget();
        draw.strip();
      }
    }
    all(draw.tools, draw.growing, draw.queue, draw.history);
  });
}
