// Reads and writes SPZ by the format's own library, compiled to WebAssembly (@adobe/spz, from nianticlabs/spz).
//
// Usage: node adobe_spz.mjs read IN.spz OUT.json | node adobe_spz.mjs write IN.json OUT.spz
// JSON holds the library's flat arrays, coordinates right up back, quaternions x y z w, logarithms of scales, logits.

import { readFileSync, writeFileSync } from 'node:fs';
import createSpzModule from '@adobe/spz';

const [task, source, target] = process.argv.slice(2);
const arrays = ['positions', 'scales', 'rotations', 'alphas', 'colors', 'sh'];
const spz = await createSpzModule({ print: console.error, printErr: console.error });
const axes = spz.CoordinateSystem.RUB;

if (task === 'read') {
  const cloud = spz.loadSpzFromBuffer(new Uint8Array(readFileSync(source)), { to: axes });
  const values = Object.fromEntries(arrays.map((name) => [name, Array.from(cloud[name])]));
  writeFileSync(target, JSON.stringify({ numPoints: cloud.numPoints, shDegree: cloud.shDegree, ...values }));
} else {
  const given = JSON.parse(readFileSync(source, 'utf8'));
  const values = Object.fromEntries(arrays.map((name) => [name, Float32Array.from(given[name])]));
  const cloud = { numPoints: given.numPoints, shDegree: given.shDegree, antialiased: false, extensions: [], ...values };
  writeFileSync(target, spz.saveSpzToBuffer(cloud, { version: 3, from: axes, sh1Bits: 5, shRestBits: 4 }));
}
