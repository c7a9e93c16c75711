/**
 * Which world is in the view. A job that is watched shows its world after each step, and at last the finished one; what was
 * seen stays until the next is ready.
 */

import { posesFromRequest } from '../fitting.js';
import { drawCrop, pictureFromPrompt } from '../picture.js';
import { cameraOf } from '../path/lens.js';
import { poseAtFrame } from '../path/sample.js';
import { pathOf } from '../request.js';
import { Wipe } from '../../web/wipe.js';
import { t } from '../i18n.js';

const MELT_SECONDS = 0.6;
/** Ends of a job that its watcher did not wish for. */
const LOST = ['failed', 'interrupted'];

/**
 * @param {import('../state.js').Studio} studio @param {typeof import('../api.js').api} api
 * @param {import('../../web/view.js').WorldView} view
 * @param {{fail: (error: unknown) => void, goTo: (pose: import('../path/lens.js').Pose) => void}} actions
 */
export function createWorlds(studio, api, view, { fail, goTo }) {
  /** The job that is being watched, its steps so far, what of it was shown last, and whether something is on its way. */
  let watched = null;
  let steps = [];
  let last = null;
  let coming = false;
  let wipe = null;

  studio.jobs.watch(({ jobs }, before) => {
    const job = jobs.find(({ id }) => id === watched);
    if (!job) return;
    const earlier = before?.jobs.find(({ id }) => id === watched);
    // Who watches looks here, not at the list.
    if (LOST.includes(job.state) && earlier && !LOST.includes(earlier.state)) fail(new Error(job.error ?? t(`state.${job.state}`)));
    follow(job);
  });

  /** Shows what there is of a job now, and what comes. */
  async function watch(id) {
    watched = id;
    studio.shown.update({ id, request: null, picture: null });
    steps = [];
    last = jobOf(id)?.previews.at(-2) ?? null;
    const request = await api.request(id);
    // A picture that this browser cannot read keeps nobody from the world.
    const picture = await pictureFromPrompt(request.image_prompt).catch(() => null);
    if (watched !== id) return;
    studio.shown.update({ request, picture });
    const job = jobOf(id);
    if (job) await follow(job);
  }

  /** Brings what is next of a job into the view: every step that was told while it ran, then the finished world. */
  async function follow(job) {
    if (job.previews.length > 0) steps = job.previews;
    const step = steps[steps.indexOf(last) + 1];
    const finished = !step && job.state === 'completed' && job.files.spz;
    const url = finished ? `${job.files.spz.url}?inline=1` : step;
    if (!url || url === last || coming) return;
    if (finished) steps = [];
    coming = true;
    try {
      const fade = studio.shown.get().kind === 'none' ? 0 : MELT_SECONDS;
      const ready = await view.show(url, { keepCamera: true, fade });
      if (ready && watched === job.id) {
        last = url;
        const part = finished ? { kind: 'world', step: -1 } : { kind: 'preview', step: Number(url.split('/').at(-1)) };
        studio.shown.update({ source: url, id: job.id, ...part });
      }
    } catch (error) {
      last = url;
      // A preview that is gone leaves the view as it is until the next.
      if (finished && watched === job.id) fail(error);
    } finally {
      coming = false;
    }
    const now = jobOf(watched);
    if (now) follow(now);
  }

  const jobOf = (id) => studio.jobs.get().jobs.find((one) => one.id === id);

  /** Opens a finished world and goes where its picture was seen from. */
  async function open(job) {
    closeWipe();
    await watch(job.id);
    const pose = poseOfPicture();
    if (pose) goTo(pose);
  }

  /** The camera of the request that made the world which is shown, at the picture's frame. */
  function poseOfPicture() {
    const { request, picture } = studio.shown.get();
    if (!request) return null;
    const [frames, height, width] = request.resolution;
    const path = pathOf(posesFromRequest(request.cameras, picture, { width, height }), frames);
    return poseAtFrame(path, Math.min(request.image_index ?? 0, frames - 1));
  }

  /** Lays the picture over the world, with a divider to drag; or takes it away. */
  async function toggleWipe() {
    if (wipe?.isOpen) return closeWipe();
    const { request, picture } = studio.shown.get();
    if (!picture) return;
    const [, height, width] = request.resolution;
    const canvas = await drawCrop(picture, { width, height });
    const opened = new Wipe(view, { photo: t('wipe.photo'), divider: t('wipe.divider') });
    opened.onChange = () => studio.ui.update({ comparing: opened.isOpen });
    wipe = opened;
    wipe.open(canvas.toDataURL(), cameraOf(poseOfPicture(), { width, height }), width, height);
  }

  function closeWipe() {
    wipe?.close();
    wipe = null;
  }

  /** Puts the world away: back to the empty stage. */
  function close() {
    closeWipe();
    watched = null;
    last = null;
    view.clear();
    studio.shown.set({ source: null, id: null, kind: 'none', step: -1, request: null, picture: null });
  }

  return { watch, open, close, toggleWipe, poseOfPicture, get watched() { return watched; } };
}
