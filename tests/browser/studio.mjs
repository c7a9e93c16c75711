// An evening at the studio, in short: a path by keyboard and mouse, a photo, a world, and finding it again.
//
// job.json: {url, photo, size: {width, height}, exact, scale}; `exact` has the model work at that size; a scale below 1
// spares graphics in software many pixels. Leaves numbered screenshots and what was downloaded in the folder, and answers
// what was seen on the way.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answer, awaited, folder, inTurn, job, pageOf, placeOf, withBrowser } from './chromium.mjs';

const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 * job.scale };
const errors = [];
const seen = { errors };

await withBrowser(async (browser) => {
  const page = await pageOf(browser, { width: 1440, height: 900, deviceScaleFactor: job.scale });
  page.on('pageerror', (error) => errors.push(String(error)));
  const session = await page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder, eventsEnabled: true });
  seen.seconds = await inTurn(page, open, record, edit, addMovement, inputs, generate, scrub, download, looks, reload);
  await page.close();
  await phone(await pageOf(browser, PHONE));
});
answer(seen);

async function open(page) {
  await page.goto(job.url);
  await page.waitForSelector('html[data-state="ready"]');
  await page.waitForFunction(() => studio.state.machine.get() && studio.state.templates.get().length > 0);
}

async function shot(page, name) {
  await page.waitForFunction(() => document.querySelector('#inset').ariaBusy !== 'true');
  await rest(300);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

function rest(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function path(page) {
  return page.evaluate(() => studio.state.draft.get().path);
}

async function numKeys(page) {
  return (await path(page)).keys.length;
}

async function until(page, count) {
  await page.waitForFunction((wanted) => document.querySelectorAll('#strip .key').length === wanted, {}, count);
}

/** Five key frames: flown by keys, looked around by mouse. */
async function record(page) {
  await shot(page, '1-empty');
  const { x, y } = await middle(page, '#view canvas');
  await page.focus('#view canvas');
  await page.keyboard.press('Space');
  await until(page, 1);
  for (let i = 0; i < 4; i += 1) {
    await fly(page, 350);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + (i % 2 ? 50 : -70), y + 8, { steps: 5 });
    await page.mouse.up();
    await rest(400);
    await page.keyboard.press('Space');
    await until(page, 2 + i);
  }
  seen.recorded = await numKeys(page);
  const { keys } = await path(page);
  seen.travelled = Math.hypot(...keys.at(-1).position.map((value, i) => value - keys[0].position[i]));
}

/** Forwards for this time, and until a first picture shows it: graphics in software may take longer. */
async function fly(page, milliseconds) {
  const before = await page.evaluate(() => studio.view.pose().position);
  await page.keyboard.down('KeyW');
  const moved = (from) => studio.view.pose().position.some((value, i) => value !== from[i]);
  await Promise.all([rest(milliseconds), page.waitForFunction(moved, { polling: 50 }, before)]);
  await page.keyboard.up('KeyW');
  return page.evaluate((from) => Math.hypot(...studio.view.pose().position.map((value, i) => value - from[i])), before);
}

/** Select, duplicate, reorder, delete, undo and redo, a frustum dragged in the view, a lens, a loop. */
async function edit(page) {
  await page.click('#strip .key:nth-child(3)');
  await page.keyboard.press('d');
  await until(page, 6);
  await page.keyboard.down('Alt');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.up('Alt');
  await page.keyboard.press('Delete');
  await until(page, 5);
  await page.click('#undo');
  await until(page, 6);
  await page.click('#redo');
  await until(page, 5);
  await page.click('#strip .key:nth-child(2)');
  await page.click('#inspector button:nth-of-type(3)');
  await until(page, 6);
  const before = (await path(page)).keys;
  await page.evaluate(() => {
    // From above, where the dot that moves a key is far from the ring that turns it, wherever the flight has led.
    const [x, y, z] = studio.state.draft.get().path.keys[studio.state.ui.get().selected].position;
    studio.view.setPose({ position: [x, y + 1, z], quaternion: [Math.SQRT1_2, -Math.SQRT1_2, 0, 0] });
  });
  const dot = await middle(page, '.handles .dot.selected');
  await page.mouse.move(dot.x, dot.y);
  await page.mouse.down();
  await page.mouse.move(dot.x + 40, dot.y - 25, { steps: 6 });
  await page.mouse.up();
  const after = (await path(page)).keys;
  seen.dragged = after.filter((key, i) => Math.hypot(...key.position.map((value, axis) => value - before[i].position[axis])) > 0.01).length;
  await page.$eval('#inspector input[type=range]', (slider) => {
    slider.value = '55';
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await page.select('#easing', 'ease-in-out');
  await page.click('#closed');
  seen.closed = (await path(page)).closed;
  await page.click('#closed');
}

async function addMovement(page) {
  const before = await numKeys(page);
  await page.click('#add-template');
  await page.waitForSelector('#templates[open] .template-card');
  seen.templates = (await page.$$('#templates .template-card')).length;
  await rest(1500);
  await shot(page, '2a-movements');
  await page.click('#templates .primary');
  await page.waitForFunction(() => !document.querySelector('#templates').open);
  seen.added = (await numKeys(page)) - before;
  await shot(page, '2-path');
  await page.focus('#view canvas');
  await page.keyboard.press('o');
  const dotsInside = () => page.evaluate(() => {
    const view = document.querySelector('#view').getBoundingClientRect();
    const inside = ({ x, y }) => x > view.left && x < view.right && y > view.top && y < view.bottom;
    return [...document.querySelectorAll('.handles .dot')].filter((dot) => inside(dot.getBoundingClientRect())).length;
  });
  const keys = await numKeys(page);
  seen.hidden = keys - (await awaited(dotsInside, (count) => count === keys));
  await shot(page, '2b-overview');
}

async function inputs(page) {
  const input = await page.$('#picture-file');
  await input.uploadFile(job.photo);
  await page.waitForFunction(() => studio.state.draft.get().picture !== null);
  await page.type('#prompt', 'A sunlit living room');
  await page.$eval('#frames', (field) => { field.value = ''; });
  await page.type('#frames', '12');
  await page.keyboard.press('Tab');
  await page.click('#dice');
  seen.diced = await page.$eval('#seed', (field) => field.value);
  await page.$eval('#seed', (field) => { field.value = ''; });
  await page.type('#seed', '7');
  await page.keyboard.press('Tab');
  await page.evaluate(({ width, height }) => studio.state.draft.update({ size: { width, height } }), job.size);
  if (job.exact) await page.click('#exact-size');
  await page.$eval('#image-index', (slider) => {
    slider.value = '3';
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await shot(page, '3-inputs');
}

/** Every world that the view shows is noted as it is seen, until the finished one is there. */
async function generate(page) {
  await page.evaluate(() => {
    window.sights = [];
    studio.state.shown.watch(({ kind, step, source }, before) => {
      if (kind === 'none' || source === before?.source) return;
      const facts = { shows: kind === 'preview' ? step : kind, splats: studio.view.stats.splats, told: document.querySelector('#growing .faint').textContent };
      const reader = new FileReader();
      reader.onload = () => window.sights.push({ ...facts, picture: reader.result });
      studio.view.screenshot().then((png) => reader.readAsDataURL(png));
    });
  });
  await page.click('#generate');
  await page.waitForFunction(() => studio.state.jobs.get().jobs.some(({ state }) => state === 'running'), { polling: 50 });
  for (let last = null, count = 0; last !== 'world';) {
    await page.waitForFunction((known) => window.sights.length > known, { polling: 50 }, count);
    ({ last, count } = await page.evaluate(() => ({ last: window.sights.at(-1).shows, count: window.sights.length })));
    await page.screenshot({ path: join(folder, `4-growing-${last}.png`) });
  }
  seen.sights = await page.evaluate(() => window.sights);
  for (const sight of seen.sights) {
    writeFileSync(join(folder, `seen-${sight.shows}.png`), Buffer.from(sight.picture.split(',')[1], 'base64'));
    delete sight.picture;
  }
  await shot(page, '5-world');
  await page.keyboard.press('Escape');
  await page.focus('#view canvas');
  await page.keyboard.press('h');
  await rest(1500);
  await shot(page, '5a-home');
  seen.flown = await fly(page, 400);
}

async function scrub(page) {
  await page.focus('#scrub');
  await page.keyboard.press('Home');
  for (let i = 0; i < 5; i += 1) await page.keyboard.press('ArrowRight');
  seen.frame = await page.evaluate(() => studio.state.ui.get().frame);
  await page.click('#ride');
  await page.click('#play');
  seen.played = await awaited(() => page.evaluate((from) => studio.state.ui.get().frame > from + 1, seen.frame));
  await page.click('#play');
  await shot(page, '6-ride');
  await page.click('#ride');
}

async function download(page) {
  for (const format of ['PLY', 'SPZ', 'Video']) {
    await page.waitForSelector('#history .world .world-tools button[aria-haspopup="menu"]');
    await page.$eval('#history .world .world-tools button[aria-haspopup="menu"]', (button) => button.click());
    await page.waitForSelector('#menu:popover-open');
    if (format === 'PLY') await shot(page, '7-download');
    await page.$$eval('#menu a', (links, name) => links.find((link) => link.textContent.startsWith(name)).click(), format);
    await rest(200);
  }
  const names = () => readdirSync(folder).filter((name) => /\.(ply|spz|mp4)$/.test(name));
  seen.downloads = (await awaited(names, (all) => all.length === 3)).sort();
}

/** The wipe, the light theme, Chinese. */
async function looks(page) {
  await page.click('#open-wipe');
  await page.waitForSelector('.world-wipe img');
  await shot(page, '8-wipe');
  // Whether handles of it are in sight depends on where the flight has led.
  const linesOfPath = () => page.evaluate(() => studio.view.overlay.children.flatMap(({ children }) => children).length);
  seen.linesOverPicture = [await linesOfPath(), await page.$$eval('.handles *', (found) => found.length)];
  await page.keyboard.press('Escape');
  seen.linesAfterwards = await linesOfPath();
  await page.click('#theme');
  await shot(page, '9-light');
  await page.select('#language', 'zh');
  await shot(page, '10-chinese');
  await page.select('#language', 'en');
  await page.click('#theme');
}

async function reload(page) {
  const before = await page.evaluate(() => JSON.stringify(studio.state.draft.get().path));
  await rest(1500); // the draft is kept once it has been at rest
  const begun = Date.now();
  await page.reload({ waitUntil: 'domcontentloaded' });
  await page.waitForSelector('html[data-state="ready"]');
  seen.reloadSeconds = (Date.now() - begun) / 1000;
  await page.waitForSelector('#history .world img');
  seen.draftKept = (await page.evaluate(() => JSON.stringify(studio.state.draft.get().path))) === before;
  seen.pictureKept = await page.evaluate(() => studio.state.draft.get().picture !== null);
  await page.click('#history .world .thumb');
  await page.waitForFunction(() => studio.state.shown.get().kind === 'world');
  seen.found = true;
}

/** A page of its own: one that becomes a phone's is loaded anew. */
async function phone(page) {
  page.on('pageerror', (error) => errors.push(String(error)));
  await open(page);
  await page.click('.tabs [data-tab="worlds"]');
  await page.waitForSelector('#history .world img');
  await shot(page, '12-phone-worlds');
  await page.click('#history .world .thumb');
  await page.waitForFunction(() => studio.state.shown.get().kind === 'world');
  await page.click('.tabs [data-tab="view"]');
  await page.waitForFunction(() => document.querySelector('#inset').ariaBusy === 'false');
  await shot(page, '11-phone');
  seen.toolRows = new Set(await page.$$eval('#view-tools button', (buttons) => buttons.map((button) => button.offsetTop))).size;
  await page.click('.tabs [data-tab="make"]');
  await shot(page, '13-phone-make');
  await page.click('.tabs [data-tab="path"]');
  await shot(page, '14-phone-path');
  seen.fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
}

async function middle(page, selector) {
  const box = await placeOf(page, selector);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}
