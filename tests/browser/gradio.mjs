// Uses the Space's page as a visitor does, in headless Chromium, and tells what happened.
//
// job.json: {url, example, picture, prompt, seed, size, frames, width, height, scale, dark, stages, fails, stops}
// `example` is the name of one in the gallery, `picture` a file or null; `size` is the beginning of an option of the page;
// `fails` expects a fault, `stops` presses Stop, otherwise a scene is awaited. `stages` names the pictures to keep.
// Pictures of the page go to the folder: empty.png, filled.png, result.png (whole page), view.png (the 3D view's canvas).

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { answer, awaited, folder, job as visit, pageOf, steady, withBrowser } from './chromium.mjs';

const AXE = createRequire(new URL('../node/', import.meta.url)).resolve('axe-core/axe.min.js');
const errors = [];

await withBrowser(async (browser) => {
  const page = await pageOf(browser, { width: visit.width, height: visit.height, deviceScaleFactor: visit.scale ?? 1 });
  page.on('pageerror', (error) => errors.push(String(error)));
  try {
    await visitOf(page);
  } catch (error) {
    await page.screenshot({ path: join(folder, 'failed.png'), fullPage: true });
    console.error(await page.$eval('#fw-status', (element) => element.innerText).catch(() => ''));
    throw error;
  }
}, ['--autoplay-policy=no-user-gesture-required']);

async function visitOf(page) {
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: visit.dark ? 'dark' : 'light' }]);
  await page.goto(`${visit.url}/?__theme=${visit.dark ? 'dark' : 'light'}`, { waitUntil: 'load' });
  await page.waitForSelector('#fw-generate');
  await page.waitForSelector('#fw-drawing svg');
  await settle(page);
  await keep(page, 'empty.png');
  await fill(page);
  await keep(page, 'filled.png');
  const result = await (visit.fails ? fail(page) : visit.stops ? stop(page) : generate(page));
  await keep(page, 'result.png');
  const pale = visit.fails ? await paleTexts(page) : [];
  answer({ ...result, pale, errors });
}

async function fill(page) {
  if (visit.example) {
    await page.click(`#fw-examples button:has(img[alt="${visit.example}"])`);
    await page.waitForSelector('#fw-picture img');
    await page.waitForFunction(() => {
      const { top, bottom } = document.querySelector('#fw-picture').getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    });
  }
  if (visit.picture) {
    const input = await page.waitForSelector('#fw-picture input[type=file]');
    await input.uploadFile(visit.picture);
    await page.waitForSelector('#fw-picture img');
  }
  if (visit.prompt) await page.type('#fw-prompt textarea', visit.prompt);
  if (visit.size) await choose(page, '#fw-size input', visit.size);
  if (visit.frames) await write(page, '#fw-frames input[type=number]', visit.frames);
  if (visit.seed) {
    await page.click('#fw-more > button');
    await page.waitForSelector('#fw-seed input', { visible: true });
    await write(page, '#fw-seed input', visit.seed);
  }
  await settle(page);
}

/** From the click to splats, a playing video and files. */
async function generate(page) {
  const started = Date.now();
  await page.evaluate(() => {
    const status = document.querySelector('#fw-status');
    window.told = new Set();
    new MutationObserver(() => window.told.add(status.querySelector('.fw-label span')?.textContent)).observe(status, {
      childList: true, subtree: true, characterData: true,
    });
  });
  await page.click('#fw-generate');
  const frame = await viewer(page);
  await page.waitForSelector('#fw-status .fw-done');
  await page.waitForSelector('#fw-video video');
  if (visit.width >= 600) await photograph(page, frame);
  await page.evaluate(async () => {
    const video = document.querySelector('#fw-video video');
    video.muted = true;
    await video.play();
    window.from = video.currentTime;
  });
  await page.waitForFunction(() => document.querySelector('#fw-video video').currentTime !== window.from);
  const played = await page.$eval('#fw-video video', ({ videoWidth, videoHeight }) => ({ width: videoWidth, height: videoHeight }));
  const files = {};
  for (const kind of ['ply', 'spz', 'record']) files[kind] = await download(page, `#fw-${kind}`);
  const status = await page.$eval('#fw-status', (element) => element.innerText);
  const stages = await page.evaluate(() => [...window.told].filter(Boolean));
  const splats = await frame.$eval('#splats', (element) => element.textContent);
  return { seconds: (Date.now() - started) / 1000, stages, status, splats, video: played, files };
}

/** The frame of the 3D view, once it shows the scene. */
async function viewer(page) {
  const frame = await awaited(async () => {
    const label = await page.$eval('#fw-status', (element) => element.innerText).catch(() => '');
    if (label.startsWith('This did not work')) throw new Error(label);
    const handle = await page.$('#fw-view iframe');
    const shown = await handle?.contentFrame();
    const state = await shown?.evaluate(() => document.documentElement.dataset.state).catch(() => null);
    if (state === 'error') throw new Error(await shown.evaluate(() => document.body.innerText));
    return state === 'ready' ? shown : null;
  });
  if (!frame) throw new Error('no scene was shown');
  return frame;
}

/** The splats alone, as the page shows them. */
async function photograph(page, frame) {
  await frame.evaluate(() => {
    for (const id of ['facts', 'tools']) document.getElementById(id).style.visibility = 'hidden';
  });
  const element = await page.$('#fw-view iframe');
  await element.evaluate((frame) => frame.scrollIntoView({ block: 'center', behavior: 'instant' }));
  await settle(page, 1500);
  writeFileSync(join(folder, 'view.png'), await steady(element, { scrollIntoView: false, captureBeyondViewport: false }));
  await frame.evaluate(() => {
    for (const id of ['facts', 'tools']) document.getElementById(id).style.visibility = '';
  });
}

/** Presses a download button as a person does; the file's name, once it lies in the visit's folder. */
async function download(page, selector) {
  const session = await page.browser().target().createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder, eventsEnabled: true });
  const named = new Promise((resolve) => session.once('Browser.downloadWillBegin', (event) => resolve(event.suggestedFilename)));
  const done = new Promise((resolve) => session.on('Browser.downloadProgress', ({ state }) => state === 'completed' && resolve()));
  await page.click(selector);
  const name = await named;
  await done;
  return name;
}

async function fail(page) {
  await page.click('#fw-generate');
  await page.waitForSelector('#fw-status .fw-failed');
  await page.waitForSelector('#fw-generate:not([disabled])');
  return { status: await page.$eval('#fw-status', (element) => element.innerText) };
}

/** Texts that axe-core finds too pale on their ground. */
async function paleTexts(page) {
  await page.addScriptTag({ path: AXE });
  await page.evaluate(() => Promise.allSettled(
    document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished),
  ));
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ['color-contrast'], iframes: false }));
  return violations.flatMap(({ nodes }) => nodes.map(({ target, any }) => `${target}: ${any[0].message}`));
}

async function stop(page) {
  await page.click('#fw-generate');
  await page.waitForFunction(() => /Imagining/.test(document.querySelector('#fw-status')?.innerText));
  await page.click('#fw-stop');
  await page.waitForFunction(() => /Stopped/.test(document.querySelector('#fw-status')?.innerText));
  await page.waitForSelector('#fw-generate:not([disabled])');
  await new Promise((resolve) => setTimeout(resolve, 4000));
  return { status: await page.$eval('#fw-status', (element) => element.innerText) };
}

async function choose(page, selector, option) {
  await page.click(selector);
  await page.waitForSelector('ul[role=listbox] li');
  const items = await page.$$('ul[role=listbox] li');
  for (const item of items) {
    if ((await item.evaluate((element) => element.innerText)).includes(option)) {
      await item.click();
      return;
    }
  }
  throw new Error(`there is no option ${option}`);
}

async function write(page, selector, value) {
  await page.click(selector, { count: 3 });
  await page.type(selector, String(value));
  await page.keyboard.press('Tab');
}

async function settle(page, milliseconds = 400) {
  await page.waitForNetworkIdle({ idleTime: 300, timeout: 15_000, concurrency: 2 }).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function keep(page, name) {
  if (visit.stages?.includes(name)) await page.screenshot({ path: join(folder, name), fullPage: true });
}
