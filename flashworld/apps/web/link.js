// Two views that always look from the same place.

/**
 * @param {import('./view.js').WorldView} one
 * @param {import('./view.js').WorldView} other goes where `one` is, at once
 * @returns {() => void} lets them go
 */
export function linkCameras(one, other) {
  let following = false;
  const follow = (leader, follower) => () => {
    if (following) return;
    following = true;
    follower.setPose(leader.pose());
    follower.controls.reach = leader.controls.reach;
    follower.controls.up.copy(leader.controls.up);
    following = false;
  };
  const ends = [one.onMove(follow(one, other)), other.onMove(follow(other, one))];
  follow(one, other)();
  return () => ends.forEach((end) => end());
}
