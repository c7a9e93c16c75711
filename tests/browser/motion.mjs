// Moves, replaces and links views as a person would, and tells what happened.
//
// The folder has red.ply and green.ply, two balls of one size at (0, 0, -4), and files that are no scenes.

import { answer, folder, pageOf, serve, WEB, withBrowser } from './chromium.mjs';

const server = await serve({ '/page/': import.meta.dirname, '/web/': WEB, '/files/': folder });
await withBrowser(async (browser) => {
  const page = await pageOf(browser, { width: 500, height: 400 });
  const told = {};
  for (const [name, tell] of Object.entries({ mouse, keys, touch, gamepad, flights, growth, haste, errors, links })) {
    await page.goto(`${server.origin}/page/blank.html`);
    await page.evaluate(prepare);
    told[name] = await tell(page);
  }
  answer(told);
});
server.close();

/** Runs in the page: a view of the red ball, and ways to ask about it. */
async function prepare() {
  const { linkCameras, WorldView } = await import('/web/view.js');
  window.newView = () => {
    const box = document.body.appendChild(document.createElement('div'));
    Object.assign(box.style, { position: 'relative', width: '300px', height: '200px', backgroundColor: 'rgb(255, 255, 255)' });
    return new WorldView(box);
  };
  window.linkCameras = linkCameras;
  window.view = newView();
  /** Waits for frames, since a busy machine draws few of them. */
  window.frames = async (count) => {
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => {
        const end = view.onFrame(() => {
          end();
          resolve();
        });
      });
    }
  };
  /** Seconds that the view has counted while a key was down, other than Shift. */
  window.held = 0;
  let down = false;
  for (const type of ['keydown', 'keyup']) addEventListener(type, ({ key }) => (down = key === 'Shift' ? down : type === 'keydown'));
  view.onFrame((seconds) => (held += down ? seconds : 0));
  /** The pose once it has stayed for three frames. */
  window.rest = async () => {
    for (let last = '', alike = 0; alike < 3; ) {
      await frames(1);
      const now = JSON.stringify(view.pose());
      alike = now === last ? alike + 1 : 0;
      last = now;
    }
    return view.pose();
  };
  /** Mean colour of the middle of what is on the screen, 0 to 255. */
  window.middle = (shown = view) => {
    const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    copy.drawImage(shown.canvas, -140, -90, 300, 200);
    const { data } = copy.getImageData(0, 0, 20, 20);
    return [0, 1, 2, 3].map((channel) => data.filter((_, i) => i % 4 === channel).reduce((a, b) => a + b) / 400);
  };
  await view.show('/files/red.ply');
}

async function mouse(page) {
  const start = await page.evaluate('rest()');
  await drag(page, [150, 100], [200, 100]);
  const orbited = await page.evaluate('rest()');
  await page.evaluate('view.reset(), view.controls.mode = "fly"');
  await drag(page, [150, 100], [200, 100]);
  const looked = await page.evaluate('rest()');
  await page.evaluate('view.reset(), view.controls.mode = "orbit"');
  await drag(page, [150, 100], [200, 100], 'right');
  const slid = await page.evaluate('rest()');
  await page.evaluate('view.reset()');
  await page.mouse.move(150, 100);
  await page.mouse.wheel({ deltaY: -300 });
  const nearer = await page.evaluate('rest()');
  await page.evaluate('view.reset()');
  await drag(page, [150, 190], [150, -900]);
  const steepest = await page.evaluate('rest()');
  await page.evaluate('view.reset(), view.controls.enabled = false');
  await drag(page, [150, 100], [200, 100]);
  const disabled = await page.evaluate('rest()');
  return { start, orbited, looked, slid, nearer, steepest, disabled };
}

async function drag(page, [x, y], [toX, toY], button = 'left') {
  await page.mouse.move(x, y);
  await page.mouse.down({ button });
  await page.mouse.move(toX, toY, { steps: 8 });
  await page.mouse.up({ button });
}

async function keys(page) {
  const told = {};
  await page.keyboard.press('KeyW', { delay: 200 });
  told.unfocused = await page.evaluate('rest()');
  await page.focus('canvas');
  for (const key of ['KeyW', 'KeyS', 'KeyA', 'KeyD', 'KeyR', 'KeyF', 'KeyQ', 'KeyE', 'ArrowLeft', 'ArrowUp']) {
    await page.evaluate('view.reset(), view.controls.mode = "fly"');
    told[key] = await held(page, key);
  }
  await page.evaluate('view.reset()');
  await page.keyboard.down('ShiftLeft');
  told.fast = await held(page, 'KeyW');
  await page.keyboard.up('ShiftLeft');
  return told;
}

async function held(page, key) {
  await page.evaluate('held = 0');
  await page.keyboard.down(key);
  await page.evaluate('frames(12)');
  await page.keyboard.up(key);
  return { ...(await page.evaluate('rest()')), seconds: await page.evaluate('held') };
}

async function touch(page) {
  const client = await page.createCDPSession();
  const send = (type, ...points) =>
    client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  await send('touchStart', [150, 100]);
  for (let x = 150; x <= 200; x += 10) await send('touchMove', [x, 100]);
  await send('touchEnd');
  const orbited = await page.evaluate('rest()');
  await page.evaluate('view.reset()');
  await send('touchStart', [130, 100]);
  await send('touchStart', [130, 100], [170, 100]);
  for (let d = 20; d <= 60; d += 8) await send('touchMove', [150 - d, 100], [150 + d, 100]);
  await send('touchEnd');
  const pinched = await page.evaluate('rest()');
  return { orbited, pinched };
}

/** The left stick ahead, then the right one to the right. */
function gamepad(page) {
  return page.evaluate(async () => {
    const held = async (...axes) => {
      navigator.getGamepads = () => [{ connected: true, axes, buttons: [] }];
      await frames(12);
      navigator.getGamepads = () => [];
      return rest();
    };
    view.controls.mode = 'fly';
    return { moved: await held(0, -1, 0, 0), turned: await held(0, 0, 1, 0) };
  });
}

function flights(page) {
  return page.evaluate(async () => {
    const goal = { position: [1, 2, 3], quaternion: [Math.SQRT1_2, 0, Math.SQRT1_2, 0], fovY: 0.7 };
    const places = [];
    const end = view.onMove((pose) => places.push(pose.position[0]));
    view.setPose(goal, { seconds: 0.4 });
    const begun = view.pose();
    const arrived = await rest();
    end();
    view.setPose(view.home);
    return { goal, begun, arrived, places, home: view.pose() };
  });
}

/** A world comes while the splats of the last are still being sorted; what is seen when it is said to be there. */
function haste(page) {
  return page.evaluate(async () => {
    Object.assign(view.scene.children[0], { sortDelay: 200 });
    const before = view.scene.children.at(-1);
    // No frame comes to the rescue: only what moves the camera draws.
    view.invalidate = () => {};
    const end = view.onFrame(() => {
      if (!before.parent) return;
      view.setPose({ position: [0.1 * Math.random(), 0, 0] });
      view.screenshot();
    });
    await view.show('/files/green.ply', { keepCamera: true });
    end();
    const [picture, canvas] = [await createImageBitmap(await view.screenshot()), new OffscreenCanvas(1, 1).getContext('2d')];
    canvas.drawImage(picture, -picture.width / 2, -picture.height / 2);
    return { middle: [...canvas.getImageData(0, 0, 1, 1).data] };
  });
}

/** A world is replaced by another; the screen is looked at in every frame. */
function growth(page) {
  return page.evaluate(async () => {
    const seen = [];
    let watching = true;
    const watch = () => {
      view.invalidate();
      seen.push(middle());
      if (watching) requestAnimationFrame(watch);
    };
    // Registered after the view's own frame, so that it always looks at what was just drawn.
    requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(watch)));
    view.onFrame(() => view.invalidate());
    await frames(4);
    const pose = view.pose();
    const shown = await view.show('/files/green.ply', { keepCamera: true });
    await frames(4);
    watching = false;
    const [early, late] = [view.show('/files/red.ply'), view.show('/files/green.ply')];
    const overtaken = [await early, await late];
    await view.show('/files/red.ply', { fade: 0.2 });
    const veils = document.querySelectorAll('.world-veil').length;
    while (document.querySelector('.world-veil')) await frames(1);
    const after = { ...view.stats };
    view.clear();
    await view.settled();
    return { frames: seen, shown, overtaken, stayed: JSON.stringify(pose) === JSON.stringify(view.pose()), veils, after, cleared: view.stats.splats };
  });
}

function errors(page) {
  return page.evaluate(async () => {
    const reasons = {};
    const names = ['none.ply', 'text.ply', 'huge.spz', 'cut.ply', 'nothing.ply', 'empty.ply', 'cut.spz', 'picture.png'];
    for (const name of names) {
      reasons[name] = await view.show(`/files/${name}`).catch((error) => [error.reason, error.message]);
    }
    return { reasons, kept: view.stats.splats, recovered: await view.show('/files/whole.spz') };
  });
}

async function links(page) {
  return page.evaluate(async () => {
    const other = newView();
    await other.show('/files/green.ply');
    const end = linkCameras(view, other);
    view.setPose({ position: [0.5, 0.1, 0] });
    const followed = [view.pose(), other.pose()];
    other.setPose({ position: [0.2, 0, 0.3], fovY: 0.9 });
    const led = [view.pose(), other.pose()];
    end();
    view.setPose({ position: [9, 9, 9] });
    const free = [view.pose(), other.pose()];
    let lost = false;
    other.onLost(() => (lost = true));
    const unheard = [];
    addEventListener('unhandledrejection', ({ reason }) => unheard.push(String(reason)));
    const sorter = Object.assign(other.scene.children[0], { readPause: 100 });
    while (!sorter.sorting) {
      other.setPose({ position: [Math.random(), 0, 0] });
      await other.screenshot();
    }
    other.dispose();
    while (sorter.sorting) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { followed, led, free, lost, unheard, canvases: document.querySelectorAll('canvas').length };
  });
}
