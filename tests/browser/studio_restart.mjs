// A page that stays open while its server is killed in the middle of a job and started again.
//
// job.json: {command, port, size}; `command` starts the server, as words. Answers what the page showed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { answer, awaited, folder, job, pageOf, withBrowser } from './chromium.mjs';

const url = `http://localhost:${job.port}/`;
const errors = [];
const seen = { errors };
let server = await started();

try {
  await withBrowser(async (browser) => {
    const page = await pageOf(browser, { width: 1280, height: 800, deviceScaleFactor: 0.5 });
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(url);
    await page.waitForSelector('html[data-state="ready"]');
    await begun(page);
    await killed(page);
    server = await started();
    await recovered(page);
  });
} finally {
  server.kill('SIGKILL');
}
answer(seen);

/** The server, once it listens. */
async function started() {
  const [program, ...words] = job.command;
  const process = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const text of process.stdout) {
    said += text;
    if (said.includes('http://')) return process;
  }
  throw new Error(`The studio did not start: ${said}`);
}

/** Two jobs; the first has shown its first step. */
async function begun(page) {
  await page.type('#prompt', 'A lighthouse');
  await page.focus('#view canvas');
  await page.keyboard.press('Space');
  await page.evaluate((size) => studio.state.draft.update({ size, exactSize: true }), job.size);
  for (let i = 0; i < 2; i += 1) {
    await page.waitForSelector('#generate:not(:disabled)');
    await page.click('#generate');
    await page.waitForFunction((count) => studio.state.jobs.get().jobs.length === count, {}, i + 1);
  }
  await page.waitForFunction(() => studio.state.jobs.get().jobs.at(-1).previews.length > 0, { polling: 50 });
}

async function killed(page) {
  server.kill('SIGKILL');
  await once(server, 'exit');
  await page.waitForFunction(() => document.querySelector('#connection').textContent !== '');
  seen.lost = await page.$eval('#connection', (element) => element.textContent);
  await page.screenshot({ path: join(folder, 'lost.png') });
}

/** The one that ran is made again with one click, the one that waited without any. */
async function recovered(page) {
  await page.waitForFunction(() => document.querySelector('#connection').textContent === '');
  await page.waitForSelector('#history .state-interrupted button[data-focus^="again-"]');
  seen.told = await awaited(() => page.$eval('#stage-fault', (element) => element.textContent));
  await page.screenshot({ path: join(folder, 'back.png') });
  await page.click('#history .state-interrupted button[data-focus^="again-"]');
  const done = () => document.querySelectorAll('#history .state-completed img').length === 2;
  seen.completed = await page.waitForFunction(done).then(() => true);
}
