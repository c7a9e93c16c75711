// Uses viewer.html as a person does, with mouse, keys and a screen reader's eyes, and tells what happened.
//
// The folder has room.spz, poses.json, photo.png and text.ply.
// Writes the screens that it saw as *.png.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answer, folder, pageOf, serve, WEB, withBrowser } from './chromium.mjs';

const AXE = readFileSync(join(import.meta.dirname, '../node/node_modules/axe-core/axe.min.js'), 'utf8');
const PHONE = { width: 390, height: 780, isMobile: true, hasTouch: true, deviceScaleFactor: 1 };
const DESK = { width: 800, height: 520 };
const server = await serve({ '/page/': import.meta.dirname, '/web/': WEB, '/files/': folder });
const foreign = [];
const told = { troubles: {}, answers: {} };

await withBrowser(async (browser) => {
  for (const use of [looks, wipe, keyboard, states, embedded]) {
    const page = await pageOf(browser, DESK);
    page.on('request', (request) => {
      if (!/^(data|blob|about):/.test(request.url()) && !request.url().startsWith(server.origin)) foreign.push(request.url());
    });
    told.answers[use.name] = await use(page);
    await page.close();
  }
});
await withBrowser(async (browser) => {
  const page = await pageOf(browser, DESK);
  told.answers.withoutWebGL = await open(page, 'scene=/files/room.spz');
  await inspect(page, 'without-webgl');
}, ['--disable-gpu', '--disable-3d-apis']);
server.close();
answer({ ...told, foreign });

/** Opens the viewer with a hash and waits until it is ready or has failed. */
async function open(page, hash) {
  await page.goto('about:blank');
  await page.goto(`${server.origin}/web/viewer.html#${hash}`);
  await page.waitForFunction("!['loading', undefined].includes(document.documentElement.dataset.state)");
  return stateOf(page);
}

function stateOf(page) {
  return page.evaluate(() => ({
    state: document.documentElement.dataset.state,
    ready: window.viewerReady,
    text: document.body.innerText,
    language: document.documentElement.lang,
    theme: document.documentElement.dataset.theme,
    policy: window.violations ?? [],
  }));
}

/** Serious findings of axe-core, and a picture. */
async function inspect(page, name) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run());
  told.troubles[name] = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id }) => id);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

async function looks(page) {
  const scene = 'scene=/files/room.spz&poses=/files/poses.json&image=/files/photo.png';
  await page.evaluateOnNewDocument(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.blockedURI));
  });
  const seen = {};
  for (const theme of ['dark', 'light']) {
    seen[theme] = await open(page, `${scene}&theme=${theme}&lang=en`);
    await inspect(page, `desk-${theme}`);
    await page.click('[data-tool="help"]');
    await inspect(page, `help-${theme}`);
    await page.click('[data-tool="settings"]');
    await inspect(page, `settings-${theme}`);
  }
  await page.setViewport(PHONE);
  seen.phone = await open(page, `${scene}&theme=dark&lang=zh`);
  await inspect(page, 'phone');
  seen.overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  return seen;
}

async function wipe(page) {
  await open(page, 'scene=/files/room.spz&poses=/files/poses.json&image=/files/photo.png&theme=dark');
  const pressed = () => page.$eval('[data-tool="picture"]', (button) => button.getAttribute('aria-pressed'));
  const share = () => page.$eval('.world-wipe-divider', (divider) => Number(divider.getAttribute('aria-valuenow')));
  await page.click('[data-tool="picture"]');
  const opened = { pressed: await pressed(), share: await share() };
  const box = await page.$eval('.world-wipe', (element) => element.getBoundingClientRect().toJSON());
  await inspect(page, 'wipe');
  await page.keyboard.press('ArrowRight');
  const stepped = await share();
  await page.mouse.move(box.x + stepped * box.width / 100, 200);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.25 * box.width, 200);
  await page.mouse.up();
  const dragged = await share();
  await page.keyboard.press('Escape');
  const closed = await pressed();
  await page.click('[data-tool="picture"]');
  await page.focus('canvas');
  await page.keyboard.down('KeyD');
  await page.waitForFunction("document.querySelector('.world-wipe') === null");
  await page.keyboard.up('KeyD');
  return { opened, box, stepped, dragged, closed, afterMove: await pressed() };
}

/** Everything without a mouse: each tool by Tab and Enter. */
async function keyboard(page) {
  await open(page, 'scene=/files/room.spz&poses=/files/poses.json&image=/files/photo.png&lang=en');
  const names = [];
  for (let i = 0; i < 9; i++) {
    names.push(await page.evaluate(() => document.activeElement.getAttribute('aria-label')));
    await page.keyboard.press('Tab');
  }
  const client = await page.createCDPSession();
  await client.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder, eventsEnabled: true });
  const saved = new Promise((resolve) => {
    client.on('Browser.downloadProgress', ({ state }) => state === 'completed' && resolve(true));
  });
  await page.focus('[data-tool="screenshot"]');
  await page.keyboard.press('Enter');
  await saved;
  await page.focus('[data-tool="mode"]');
  await page.keyboard.press('Enter');
  const mode = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  await page.focus('[data-tool="settings"]');
  await page.keyboard.press('Enter');
  await page.focus('#lens');
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
  const lens = await page.$eval('#lens-value', (output) => output.textContent);
  await page.keyboard.press('Escape');
  const open_ = await page.$eval('#settings', (panel) => panel.matches(':popover-open'));
  return { names, mode, lens, open: open_ };
}

async function states(page) {
  const seen = {};
  seen.empty = await open(page, 'theme=light&lang=en');
  await inspect(page, 'empty');
  const file = await page.$('#file');
  await file.uploadFile(join(folder, 'room.spz'));
  await page.waitForFunction("document.documentElement.dataset.state === 'ready'");
  seen.chosen = await stateOf(page);
  seen.missing = await open(page, 'scene=/files/none.spz&lang=en');
  await inspect(page, 'error');
  seen.foreign = await open(page, 'scene=/files/text.ply&lang=zh');
  seen.poses = await open(page, 'scene=/files/room.spz&poses=/files/text.ply&lang=en');
  return seen;
}

async function embedded(page) {
  await page.goto(`${server.origin}/page/host.html`);
  await page.waitForFunction("told.some(({ state }) => state === 'empty')");
  await page.evaluate("show('room.spz')");
  await page.waitForFunction("told.some(({ state }) => state === 'ready')");
  await page.evaluate("show('text.ply')");
  await page.waitForFunction("told.some(({ state }) => state === 'error')");
  return page.evaluate('told');
}
