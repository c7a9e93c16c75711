/** What the parts of the page do with the view and the path, so that all do it alike. */

import { posed } from '../../web/cameras.js';
import { poseOf as viewPoseOf } from '../../web/view.js';
import { byId } from '../elements.js';
import { inWords, t } from '../i18n.js';
import { addKey } from '../path/edit.js';
import { cameraOf } from '../path/lens.js';
import { cornersAt, overviewOf } from '../path/overview.js';
import { frameOfKey, poseAtFrame, posesOf } from '../path/sample.js';
import { SUBJECT_DISTANCE } from '../stage/ground.js';

const FLIGHT_SECONDS = 0.5;

/** @param {import('../state.js').Studio} studio @param {import('../../web/view.js').WorldView} view */
export function stageActions(studio, view) {
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
    fail: (error) => (byId('stage-fault').textContent = inWords(error)),
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
    /** So far back that the whole path is seen, and what it goes past. */
    overview() {
      const { path, size, picture } = studio.draft.get();
      if (path.keys.length === 0) return;
      const far = picture || studio.shown.get().source ? SUBJECT_DISTANCE : 0.5 * SUBJECT_DISTANCE;
      const seen = cornersAt(poseAtFrame(path, path.imageIndex), far, size);
      const pose = overviewOf(posesOf(path), seen, studio.ui.get().lens, size);
      view.controls.reach = Math.hypot(...pose.position.map((value, axis) => value - seen[0][axis]));
      studio.ui.update({ pathShown: true, riding: false });
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
