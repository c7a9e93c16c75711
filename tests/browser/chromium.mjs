// A headless Chromium and a server of files on this machine, for the tests that need a real browser.
//
// Scripts are started as `node SCRIPT CHROMIUM FOLDER`; FOLDER has their job.json. Nothing is fetched from elsewhere.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import puppeteer from '../node/node_modules/puppeteer-core/lib/esm/puppeteer/puppeteer-core.js';

const [executablePath, given] = process.argv.slice(2);
/** Files of this test. */
export const folder = given;
/** What the test asks for. */
export const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'));
/** Milliseconds until a page that says nothing is taken to stand still; how fast this machine is decides no test. */
const PATIENCE = 240_000;
export const WEB = join(import.meta.dirname, '../../flashworld/apps/web');

const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.png': 'image/png',
  '.jpg': 'image/jpeg', '.wasm': 'application/wasm',
};
const SWITCHES = [
  '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/**
 * Serves folders under prefixes.
 * @param {Record<string, string>} folders by prefix, such as {'/web/': 'flashworld/apps/web'}
 * @param {Record<string, string>} headers sent with every answer
 * @returns {Promise<{origin: string, close: () => void}>}
 */
export async function serve(folders, headers = {}) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    const prefix = Object.keys(folders).find((start) => path.startsWith(start));
    try {
      const body = readFileSync(join(folders[prefix], path.slice(prefix.length)));
      const type = TYPES[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length, ...headers }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/**
 * Runs `work` with a browser that has a profile of its own, and closes it whatever happens.
 * @param {(browser: import('puppeteer-core').Browser) => Promise<void>} work
 * @param {string[]} switches more of Chromium's
 */
export async function withBrowser(work, switches = []) {
  const userDataDir = mkdtempSync(join(folder, 'chromium-'));
  // At the other end of a pipe chromium ends with this program, even where this one is killed.
  const options = { executablePath, userDataDir, pipe: true, timeout: PATIENCE, protocolTimeout: PATIENCE };
  const browser = await puppeteer.launch({ ...options, args: [...SWITCHES, ...switches] });
  try {
    await work(browser);
  } finally {
    await browser.close();
    rmSync(userDataDir, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** A page that tells its troubles on stderr. */
export async function pageOf(browser, viewport = { width: 640, height: 480 }) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.setViewport(viewport);
  page.on('console', (message) => console.error(message.text()));
  page.on('pageerror', (error) => console.error(error.stack ?? String(error)));
  const click = page.click.bind(page);
  page.click = (...given) => again(() => click(...given));
  return page;
}

/** Lists are drawn anew while one reaches into them: what was found may be gone before it is touched. */
async function again(touch, times = 50) {
  try {
    return await touch();
  } catch (error) {
    if (times === 0 || !/detached|not clickable/.test(error.message)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return again(touch, times - 1);
  }
}

/** The rectangle of an element in the window, once it has stayed for a tenth of a second. */
export async function placeOf(page, selector) {
  const stays = (wanted) => {
    const place = document.querySelector(wanted)?.getBoundingClientRect().toJSON();
    const before = window.placeSeen;
    window.placeSeen = JSON.stringify([wanted, place]);
    return place?.width > 0 && window.placeSeen === before && place;
  };
  return (await page.waitForFunction(stays, { polling: 100 }, selector)).jsonValue();
}

/** What `read` tells once it suits; where it never does, what it told last. */
export async function awaited(read, suits = Boolean) {
  const latest = Date.now() + PATIENCE;
  for (;;) {
    const told = await read();
    if (suits(told) || Date.now() > latest) return told;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A picture of an element, with options of `screenshot`, once it neither moves nor changes for a second. */
export async function steady(element, options = {}) {
  let shots = [];
  await awaited(async () => {
    shots = [...shots.slice(-2), Buffer.from(await element.screenshot(options))];
    await new Promise((resolve) => setTimeout(resolve, 400));
    return shots.length === 3 && shots.every((shot) => shot.equals(shots[0]));
  });
  return shots.at(-1);
}

/** Does parts of a visit one after another, and tells how many seconds each took; on stderr, which is at work. */
export async function inTurn(page, ...parts) {
  const seconds = {};
  for (const part of parts) {
    const begun = Date.now();
    console.error(`-- ${part.name}`);
    await part(page);
    seconds[part.name] = (Date.now() - begun) / 1000;
  }
  return seconds;
}

/** Gives a result to the test. */
export function answer(result) {
  console.log(JSON.stringify(result));
}
