// What the view's cameras see: pixels of points, pictures of `renderFrom`, and the view while it looks through a camera.
//
// job.json: {scene, cameras: [Camera], width, height, points: [camera][point]}. Answers with the pixels of the points, by
// `projection` and in the view (and there where its picture lies); writes from-N.png and through-N.png.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answer, folder, job, pageOf, serve, WEB, withBrowser } from './chromium.mjs';

const server = await serve({ '/page/': import.meta.dirname, '/web/': WEB, '/files/': folder });
await withBrowser(async (browser) => {
  const page = await pageOf(browser, { width: 900, height: 700 });
  await page.goto(`${server.origin}/page/blank.html`);
  const { pictures, ...pixels } = await page.evaluate(look, job);
  for (const [name, url] of Object.entries(pictures)) {
    writeFileSync(join(folder, name), Buffer.from(url.split(',')[1], 'base64'));
  }
  answer(pixels);
});
server.close();

/** Runs in the page. */
async function look({ scene, cameras, width, height, points }) {
  const { PerspectiveCamera, Quaternion, Vector3 } = await import('/web/vendor/spark.js');
  const { WorldView } = await import('/web/view.js');
  const box = document.body.appendChild(document.createElement('div'));
  Object.assign(box.style, { width: '700px', height: '300px', backgroundColor: 'white' });
  const view = new WorldView(box, { precise: true });
  await view.show(`/files/${scene}`);

  const answers = { byProjection: [], inView: [], rects: [], pictures: {} };
  for (const [index, camera] of cameras.entries()) {
    const eye = new PerspectiveCamera();
    const [w, x, y, z] = camera.quaternion;
    eye.position.set(...camera.position);
    eye.quaternion.copy(new Quaternion(x, y, z, w).normalize());
    eye.updateMatrixWorld();
    eye.projectionMatrix.copy(view.projection(camera, width, height));
    answers.byProjection.push(pixelsOf(eye, points[index], width, height));

    const canvas = document.createElement('canvas');
    await view.renderFrom(camera, width, height, canvas);
    answers.pictures[`from-${index}.png`] = canvas.toDataURL();

    view.lookThrough(camera, width, height);
    await view.settled();
    answers.inView.push(pixelsOf(view.camera, points[index], 700, 300));
    const { left, top, width: inner, height: rows } = view.frameRect();
    answers.rects.push([left, top, inner, rows]);
    answers.pictures[`through-${index}.png`] = await addressOf(await view.screenshot());
  }
  return answers;

  function pixelsOf(eye, ofWorld, columns, rows) {
    return ofWorld.map((point) => {
      const { x, y } = new Vector3(...point).project(eye);
      return [((x + 1) / 2) * columns, ((1 - y) / 2) * rows];
    });
  }

  function addressOf(blob) {
    return new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(blob);
    });
  }
}
