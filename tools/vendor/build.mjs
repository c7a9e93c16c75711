// Bundles entry.js into the one file by others that the pages load; with --check, compares instead of writing.
//
// Usage: npm ci && node build.mjs [--check]. The lock file fixes every byte that goes in, so the result is the same on
// every machine; --check exits with 1 if the committed file is another one.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '../../flashworld/apps/web/vendor/spark.js');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * Adds to Spark's exports its pool of workers, which it keeps to itself: a file that makes the WebAssembly of a worker
 * panic leaves that worker unusable in the pool, and every later file fails (seen with Spark 2.2.0).
 */
const withWorkerPool = {
  name: 'with-worker-pool',
  setup({ onLoad }) {
    onLoad({ filter: /spark\.module\.js$/ }, ({ path }) => {
      return { contents: `${readFileSync(path, 'utf8')}\nexport { workerPool };\n`, loader: 'js' };
    });
  },
};

const result = await build({
  absWorkingDir: here,
  entryPoints: ['entry.js'],
  bundle: true,
  plugins: [withWorkerPool],
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'inline',
  banner: { js: '// three, Spark and fflate; built by tools/vendor, licences in THIRD_PARTY_NOTICES.' },
  write: false,
});
const built = result.outputFiles[0].contents;
console.log(`${sha256(built)} ${built.length} bytes`);

if (process.argv.includes('--check')) {
  const committed = readFileSync(target);
  if (sha256(committed) !== sha256(built)) {
    console.error(`vendor/spark.js is another file (${sha256(committed)}): run "npm run build" in tools/vendor.`);
    process.exit(1);
  }
} else {
  writeFileSync(target, built);
}
