// A second evening at the studio: with worlds that are there already, requests from files, and a queue.
//
// job.json: {url, request, photo, pattern, other, frames}; `request` is a file in the folder, `pattern` and `other` are
// ids of finished jobs, `frames` those of `pattern` whose pictures are compared with the server's. Leaves screenshots,
// pictures and saved files in the folder, and answers what was seen.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answer, awaited, folder, inTurn, job, pageOf, placeOf, steady, withBrowser } from './chromium.mjs';

const errors = [];
const seen = { errors };

await withBrowser(async (browser) => {
  const page = await open(await pageOf(browser, { width: 1280, height: 800, deviceScaleFactor: 0.5 }));
  const session = await page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder, eventsEnabled: true });
  seen.seconds = await inTurn(page, machine, requests, windowInWindow, wipe, compare, naming, queue, recording, timeline, paste, warnings);
  await page.close();
  await withoutStreams(await pageOf(browser, { width: 1280, height: 800, deviceScaleFactor: 0.5 }));
});
answer(seen);

async function open(page) {
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(job.url);
  await page.waitForSelector('html[data-state="ready"]');
  await page.waitForFunction(() => studio.state.machine.get() && studio.state.jobs.get().loaded);
  return page;
}

function shot(page, name) {
  return page.screenshot({ path: join(folder, `${name}.png`) });
}

function rest(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function draft(page) {
  return page.evaluate(() => {
    const { picture, ...rest } = studio.state.draft.get();
    return { ...rest, picture: picture && { width: picture.width, height: picture.height } };
  });
}

/** A file that the page saves, once it is there. */
async function saved(name) {
  const path = join(folder, name);
  await awaited(() => existsSync(path));
  return readFileSync(path, 'utf8');
}

async function choose(page, world, index) {
  await page.$eval(`#history [data-job="${world}"] [data-focus^="more-"]`, (button) => button.click());
  await page.waitForSelector('#menu:popover-open');
  await page.$$eval('#menu [role="menuitem"]', (entries, at) => entries.at(at).click(), index);
}

async function machine(page) {
  await page.click('details.more summary');
  seen.machine = await page.$$eval('#machine-facts dt', (names) => Object.fromEntries(names.map((name) => [name.textContent, name.nextSibling.textContent])));
  await shot(page, '1-machine');
  await page.click('details.more summary');
}

/** Opened from a file, saved as one, and its path as nerfstudio's, which is opened again. */
async function requests(page) {
  await (await page.$('#import-file')).uploadFile(join(folder, job.request));
  await page.waitForFunction(() => studio.state.draft.get().picture !== null);
  seen.opened = await draft(page);
  await page.select('#export', 'request');
  seen.exported = JSON.parse(await saved('request.json'));
  await page.select('#export', 'nerfstudio');
  await saved('transforms.json');
  await page.click('#new-draft');
  await (await page.$('#import-file')).uploadFile(join(folder, 'transforms.json'));
  await page.waitForFunction(() => studio.state.draft.get().path.keys.length > 0);
  seen.path = (await draft(page)).path;
}

/** A finished world as a start: its cameras in the window, and the server's pictures of the same frames. */
async function windowInWindow(page) {
  await page.$eval(`#history [data-focus="reuse-${job.pattern}"]`, (button) => button.click());
  await page.waitForFunction(() => studio.state.draft.get().picture !== null);
  seen.reused = await draft(page);
  await page.click(`#history [data-focus="open-${job.pattern}"]`);
  await page.waitForFunction((id) => studio.state.shown.get().source?.includes(id), {}, job.pattern);
  for (const frame of job.frames) {
    await scrub(page, frame);
    await bothPictures(page, job.pattern, frame, frame);
  }
  await shot(page, '2-pattern');
  await page.click(`#history [data-focus="open-${job.other}"]`);
  await page.waitForFunction((id) => studio.state.shown.get().source.includes(id), {}, job.other);
  await bothPictures(page, job.other, job.frames.at(-1), 'other');
  await page.click(`#history [data-focus="open-${job.pattern}"]`);
  await page.waitForFunction((id) => studio.state.shown.get().source.includes(id), {}, job.pattern);
}

function scrub(page, frame) {
  return page.$eval('#scrub', (range, at) => {
    range.value = String(at);
    range.dispatchEvent(new Event('input', { bubbles: true }));
  }, frame);
}

/** What the window shows at the playhead, and what the server renders. */
async function bothPictures(page, world, frame, name) {
  writeFileSync(join(folder, `window-${name}.png`), await settled(page));
  const picture = await fetch(`${job.url}api/jobs/${world}/frames/${frame}.png?width=352`);
  writeFileSync(join(folder, `server-${name}.png`), Buffer.from(await picture.arrayBuffer()));
}

/** What the window shows once it is drawn. */
async function settled(page) {
  await page.waitForFunction(() => document.querySelector('#inset').ariaBusy === 'false');
  const url = await page.$eval('#inset-canvas', (canvas) => canvas.toDataURL('image/png'));
  return Buffer.from(url.split(',')[1], 'base64');
}

/** The picture lies over the world where its own camera saw it. */
async function wipe(page) {
  await page.click('#open-wipe');
  await page.waitForSelector('.world-wipe img');
  await page.waitForFunction(() => studio.view.frameRect() !== null);
  seen.wipe = await page.evaluate(() => ({ pose: studio.view.pose(), ...studio.view.frameRect() }));
  await rest(500);
  await shot(page, '3-wipe');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.querySelector('.world-wipe') === null);
}

/** Two worlds, one dragged: the other turns with it. */
async function compare(page) {
  await choose(page, job.pattern, 1);
  await page.waitForSelector('#compare-bar:not([hidden])');
  await page.click(`#history [data-focus="open-${job.other}"]`);
  await page.waitForSelector('#compare[open]');
  await page.waitForSelector('#compare .compare-views[aria-busy="false"]');
  const [left, right] = await page.$$('#compare .holder');
  const before = await steady(right);
  const { x, y, width, height } = await left.boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width / 2 + 70, y + height / 2 + 20, { steps: 6 });
  await page.mouse.up();
  seen.linked = await awaited(async () => Buffer.compare(before, await right.screenshot()) !== 0);
  seen.compareFault = await page.$eval('#compare .fault', (element) => element.textContent);
  await shot(page, '4-compare');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#compare:not([open])');
}

async function naming(page) {
  await choose(page, job.other, 0);
  await page.waitForSelector('#ask[open] input');
  await page.keyboard.type('The second one');
  await page.keyboard.press('Enter');
  await page.waitForFunction((id) => document.querySelector(`#history [data-job="${id}"] .world-name`).textContent === 'The second one', {}, job.other);
  seen.renamed = (await (await fetch(`${job.url}api/jobs/${job.other}`)).json()).name;
}

/**
 * Three jobs are sent that take a minute. The first of those that wait is cancelled, and the second moves up. The one at work is stopped, sent
 * again, stopped again and deleted; the other waits meanwhile.
 */
async function queue(page) {
  await page.evaluate(() => {
    const { path } = studio.state.draft.get();
    studio.state.draft.update({ exactSize: true, size: { width: 352, height: 256 } });
    studio.state.changePath({ ...path, frames: 24 });
  });
  for (let i = 0; i < 3; i += 1) {
    await page.waitForSelector('#generate:not(:disabled)');
    await page.click('#generate');
    await page.waitForFunction((count) => document.querySelectorAll('#queue .job').length === count, {}, i + 1);
  }
  await page.waitForFunction(() => studio.state.jobs.get().jobs.some(({ state }) => state === 'running'));
  const growing = () => page.$eval('#growing', (box) => (box.hidden ? '' : box.textContent));
  seen.growing = await awaited(growing, (text) => /Step \d+ of \d+/.test(text));
  await shot(page, '5-queue');
  seen.queue = await page.$$eval('#queue .job', (jobs) => jobs.map((one) => one.textContent));
  const [waiting, first, running] = await page.evaluate(() => studio.state.jobs.get().jobs.filter(({ state }) => state === 'queued' || state === 'running').map(({ id }) => id));
  await page.click(`#queue [data-focus="cancel-${first}"]`);
  await state(page, first, 'cancelled');
  const isNext = () => document.querySelector('#queue .job:last-child .job-now').textContent.includes('number 1');
  seen.movedUp = await page.waitForFunction(isNext).then(() => true, () => false);
  await page.click(`#queue [data-focus="cancel-${running}"]`);
  await state(page, running, 'cancelled');
  await page.click(`#history [data-focus="again-${running}"]`);
  await page.waitForFunction((id) => ['queued', 'running'].includes(studio.state.jobs.get().jobs.find((one) => one.id === id).state), {}, running);
  seen.requeued = true;
  for (const id of [running, waiting]) {
    await page.click(`#queue [data-focus="cancel-${id}"]`);
    await state(page, id, 'cancelled');
    await choose(page, id, -1);
    await page.waitForSelector('#ask[open]');
    if (id === running) await shot(page, '6-delete');
    await page.click('#ask .primary');
    await page.waitForFunction((one) => document.querySelector(`#history [data-job="${one}"]`) === null, {}, id);
  }
  seen.deleted = (await fetch(`${job.url}api/jobs/${running}`)).status;
}

function state(page, id, name) {
  const is = (one, wanted) => document.querySelector(`#history [data-job="${one}"].state-${wanted}`) !== null;
  return page.waitForFunction(is, {}, id, name);
}

/** Recorded while it flies. */
async function recording(page) {
  await page.click('#new-draft');
  await page.evaluate(() => studio.state.draft.update({ size: { width: 128, height: 96 } }));
  await page.focus('#view canvas');
  const shiftSpace = async () => {
    await page.keyboard.down('Shift');
    await page.keyboard.press('Space');
    await page.keyboard.up('Shift');
  };
  await shiftSpace();
  for (const key of ['KeyW', 'KeyD', 'KeyW']) await fly(page, key, 1);
  await shiftSpace();
  const { path } = await draft(page);
  seen.taken = path.keys.length;
  await page.keyboard.down('Control');
  await page.keyboard.press('KeyZ');
  await page.keyboard.up('Control');
  seen.takenBack = (await draft(page)).path.keys.length;
  await page.click('#redo');
}

/** As far as this, however long it takes. */
async function fly(page, key, distance) {
  const from = await page.evaluate(() => studio.view.pose().position);
  await page.keyboard.down(key);
  const isThere = (begun, far) => Math.hypot(...studio.view.pose().position.map((value, i) => value - begun[i])) > far;
  await page.waitForFunction(isThere, { polling: 50 }, from, distance);
  await page.keyboard.up(key);
}

/** A key in the middle of the timeline comes later, and undoing is one step. */
async function timeline(page) {
  await page.$eval('#view canvas', (canvas) => canvas.focus());
  while ((await draft(page)).path.keys.length < 3) {
    await page.evaluate(() => studio.view.setPose({ position: [studio.state.draft.get().path.keys.length, 0.3, 0] }));
    await page.keyboard.press('Space');
  }
  const paces = async () => (await draft(page)).path.keys.map(({ pace }) => pace);
  const before = await paces();
  const mark = await placeOf(page, '#graph .key-mark:not(.end)');
  const [x, y] = [mark.x + mark.width / 2, mark.y + mark.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 25, y, { steps: 5 });
  await page.mouse.up();
  seen.retimed = (await paces()).filter((pace, i) => Math.abs(pace - before[i]) > 1e-3).length;
  await page.click('#undo');
  seen.retimedBack = JSON.stringify(await paces()) === JSON.stringify(before);
}

/** First what is no picture, then one: what was wrong is told, and no longer once a picture is there. */
async function paste(page) {
  const put = (content) => page.evaluate(async (coded) => {
    const data = new DataTransfer();
    data.items.add(new File([await (await fetch(`data:image/jpeg;base64,${coded}`)).blob()], 'pasted.jpg', { type: 'image/jpeg' }));
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
  }, content.toString('base64'));
  await put(Buffer.from('This is no picture.'));
  await page.waitForFunction(() => document.querySelector('#picture-fault').textContent !== '');
  await put(readFileSync(job.photo));
  await page.waitForFunction(() => studio.state.draft.get().picture?.name === 'pasted.jpg');
  await page.waitForSelector('#crop:not([hidden])');
  seen.pictureFault = await page.$eval('#picture-fault', (element) => element.textContent);
}

/** A camera that jumps away and turns its back is told of before any time is spent, and shown. */
async function warnings(page) {
  await page.evaluate(() => {
    const { path } = studio.state.draft.get();
    const keys = path.keys.map((key, i) => (i === path.keys.length - 1 ? { ...key, position: [30, 0, 30], quaternion: [0, 0, 1, 0] } : key));
    studio.state.changePath({ ...path, keys, frames: 8 });
  });
  // Those of the path before may still be there.
  const warned = () => page.$$eval('#warnings li', (items) => items.map((item) => item.textContent));
  seen.warnings = await awaited(warned, (all) => all.some((text) => text.includes('turns by more than half')));
  await page.click('#warnings li button');
  seen.warnedFrame = await page.evaluate(() => studio.state.ui.get().frame);
  // Frames that were warned of are no longer there while the server judges the shorter path.
  await page.evaluate(() => studio.state.changePath({ ...studio.state.draft.get().path, frames: 3 }));
  seen.marks = await page.$$eval('#graph .warned', (marks) => marks.map((mark) => Number(mark.getAttribute('width'))));
  await shot(page, '7-warnings');
}

/** The server gives no more streams: the list is asked for instead, and nobody is told of a lost connection. */
async function withoutStreams(page) {
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    if (request.url().endsWith('/api/events')) request.respond({ status: 503, contentType: 'application/json', body: '{"error": "Too many streams are open."}' });
    else request.continue();
  });
  await open(page);
  await fetch(`${job.url}api/jobs/${job.other}`, { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: '{"name": "Renamed elsewhere"}' });
  await page.waitForFunction(() => studio.state.jobs.get().jobs.some(({ name }) => name === 'Renamed elsewhere'));
  const said = [];
  for (let i = 0; i < 16; i += 1) {
    said.push(await page.$eval('#connection', (element) => element.textContent));
    await rest(250);
  }
  seen.polled = true;
  seen.said = [...new Set(said)];
}
