// Shows scene files in Spark alone, with nothing of ours around it, and saves what it draws.
//
// job.json: {views: [{scene, turn, picture, width, height, position, quaternion, fovDegrees}]}
// `scene` is a file of the folder, `turn` half a turn about x (for files with right-down-front axes), `picture` the PNG
// to write. Camera axes are three.js's; `quaternion` is x y z w.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answer, folder, job, pageOf, serve, WEB, withBrowser } from './chromium.mjs';

const server = await serve({ '/page/': import.meta.dirname, '/web/': WEB, '/files/': folder });
await withBrowser(async (browser) => {
  const page = await pageOf(browser);
  await page.goto(`${server.origin}/page/page.html`);
  await page.waitForFunction('window.ready === true');
  for (const view of job.views) {
    const picture = await page.evaluate((shown) => window.show(shown), { ...view, url: `/files/${view.scene}` });
    writeFileSync(join(folder, view.picture), Buffer.from(picture.split(',')[1], 'base64'));
  }
});
server.close();
answer({});
