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

/**
 * @param {import('../state.js').Studio} studio @param {typeof import('../api.js').api} api
 * @param {import('../../web/view.js').WorldView} view
 * @param {{fail: (error: unknown) => void, goTo: (pose: import('../path/lens.js').Pose) => void}} actions
 */
export function createWorlds(studio, api, view, { fail, goTo }) {
  /** The job that is being watched, and the address of what is on its way into the view. */
  let watched = null;
  let coming = null;
  let wipe = null;

  studio.jobs.watch(({ jobs }) => {
    const job = watched && jobs.find(({ id }) => id === watched);
    if (job) follow(job);
  });

  /** Shows what there is of a job now, and what comes. */
  async function watch(id) {
    watched = id;
    studio.shown.update({ id, request: null, picture: null });
    const job = studio.jobs.get().jobs.find((one) => one.id === id);
    const request = await api.request(id);
    const picture = await pictureFromPrompt(request.image_prompt);
    if (watched !== id) return;
    studio.shown.update({ request, picture });
    if (job) await follow(job);
  }

  async function follow(job) {
    const preview = job.previews.length - 1;
    const finished = job.state === 'completed' && job.files.spz;
    const url = finished ? `${job.files.spz.url}?inline=1` : job.previews[preview];
    if (!url || url === coming) return;
    coming = url;
    try {
      const ready = await view.show(url, { keepCamera: true, fade: studio.shown.get().kind === 'none' ? 0 : MELT_SECONDS });
      if (!ready || coming !== url) return;
      studio.shown.update({ id: job.id, kind: finished ? 'world' : 'preview', step: finished ? -1 : Number(url.split('/').at(-1)) });
    } catch (error) {
      // A preview that is gone was overtaken by the next one.
      if (finished && coming === url) fail(error);
    }
  }

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
    wipe = new Wipe(view, { photo: t('wipe.photo'), divider: t('wipe.divider') });
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
    coming = null;
    view.clear();
    studio.shown.set({ id: null, kind: 'none', step: -1, request: null, picture: null });
  }

  return { watch, open, close, toggleWipe, poseOfPicture, get watched() { return watched; } };
}
