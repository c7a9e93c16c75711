// Shows scene files in Spark (three.js) in headless Chromium and saves what it draws.
//
// Usage: node view.mjs CHROMIUM JOBS.json, where JOBS.json is a list of
//   {scene, turn, picture, width, height, position, quaternion, fovDegrees}
// `scene` is a file, `turn` half a turn about x (for files with right-down-front axes), `picture` the PNG to write.
// Camera axes are three.js's; `quaternion` is x y z w. Everything is served from this machine; nothing is fetched.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from '../node/node_modules/puppeteer-core/lib/esm/puppeteer/puppeteer-core.js';

const here = dirname(fileURLToPath(import.meta.url));
const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const [chromium, jobsFile] = process.argv.slice(2);
const jobs = JSON.parse(readFileSync(jobsFile, 'utf8'));

const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  const job = path.match(/^\/scene\/(\d+)\//);
  const file = job ? jobs[Number(job[1])].scene : join(here, path === '/' ? 'page.html' : path.replace('/node/', '/../node/'));
  try {
    const body = readFileSync(file);
    response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const profile = mkdtempSync(join(tmpdir(), 'spark-'));
const browser = await puppeteer.launch({
  executablePath: chromium,
  userDataDir: profile,
  args: [
    '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
try {
  const page = await browser.newPage();
  page.on('console', (message) => console.error(message.text()));
  page.on('pageerror', (error) => console.error(error.stack ?? String(error)));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction('window.ready === true', { timeout: 60000 });
  for (const [index, job] of jobs.entries()) {
    const url = `/scene/${index}/${basename(job.scene)}`;
    const picture = await page.evaluate((view) => window.show(view), { ...job, url });
    writeFileSync(job.picture, Buffer.from(picture.split(',')[1], 'base64'));
  }
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
