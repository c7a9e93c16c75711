// The studio without a mouse, and what axe-core finds in its way.
//
// job.json: {url}. Everything is reached with Tab, arrows, Space, Enter and letters; nothing is clicked.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { answer, folder, job, pageOf, withBrowser } from './chromium.mjs';

const AXE = createRequire(new URL('../node/', import.meta.url)).resolve('axe-core/axe.min.js');
const errors = [];
const seen = { errors, barriers: {} };

await withBrowser(async (browser) => {
  const page = await pageOf(browser, { width: 1100, height: 700, deviceScaleFactor: 0.4 });
  await page.setBypassCSP(true);
  // Colours are judged at rest, not on their way from dark to light.
  await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(job.url);
  await page.waitForSelector('html[data-state="ready"]');
  await page.waitForFunction(() => studio.state.machine.get() && studio.state.templates.get().length > 0);
  await page.evaluate(() => studio.state.draft.update({ size: { width: 160, height: 96 } }));
  await barriers(page, 'dark, empty');

  await tabTo(page, '#prompt');
  await page.keyboard.type('A lighthouse on a cliff');
  await tabTo(page, '#view canvas');
  await page.keyboard.press('Space');
  await page.keyboard.down('KeyW');
  await new Promise((resolve) => setTimeout(resolve, 500));
  await page.keyboard.up('KeyW');
  await page.keyboard.press('Space');
  await page.keyboard.press('KeyT');
  await page.waitForSelector('#templates[open]');
  await barriers(page, 'dark, movements');
  await tabTo(page, '#templates .primary');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.querySelector('#templates').open);
  await tabTo(page, '#strip .key');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  seen.keys = await page.evaluate(() => studio.state.draft.get().path.keys.length);
  await page.keyboard.down('Control');
  await page.keyboard.press('Enter');
  await page.keyboard.up('Control');
  await page.waitForFunction(() => studio.state.jobs.get().jobs.some((one) => one.state === 'completed' && one.text_prompt.includes('lighthouse')));
  await page.waitForFunction(() => studio.state.shown.get().kind === 'world');
  seen.finished = true;
  await tabTo(page, '#history .thumb');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#history .world.open') !== null);
  seen.opened = true;
  await barriers(page, 'dark, world');
  await page.evaluate(() => document.querySelector('#theme').click());
  await barriers(page, 'light, world');
  await page.screenshot({ path: join(folder, 'keyboard.png') });
});
answer(seen);

/** Presses Tab until the focus is on what a selector names, as someone without a mouse would. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 150; presses += 1) {
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not lead to ${selector}.`);
}

async function barriers(page, name) {
  await page.addScriptTag({ path: AXE });
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  const grave = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  seen.barriers[name] = grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}
