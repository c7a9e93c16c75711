// Calls functions of a plain ES module of ours and prints what they give, as JSON.
//
// Usage: node call.mjs MODULE < CALLS, where CALLS is a JSON list of [name, ...arguments].

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const module = await import(pathToFileURL(resolve(process.argv[2])));
let text = '';
for await (const chunk of process.stdin) text += chunk;
const answers = JSON.parse(text).map(([name, ...given]) => (typeof module[name] === 'function' ? module[name](...given) : module[name]));
process.stdout.write(JSON.stringify(answers));
