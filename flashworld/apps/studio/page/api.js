/**
 * The studio's HTTP interface: one function per thing that can be asked of the server. Answers are plain objects as
 * `/api/openapi.json` describes them; a refusal is an `ApiError` whose message is for people.
 */

/** The server's refusal in its own words, or the lack of an answer. `status` is 0 if there was none. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

async function send(method, path, body, type = 'application/json') {
  let response;
  try {
    response = await fetch(path, { method, body, headers: body === undefined || type === null ? {} : { 'Content-Type': type } });
  } catch {
    throw new ApiError('unreachable', 0);
  }
  if (!response.ok) throw new ApiError(await reason(response), response.status);
  return response;
}

async function reason(response) {
  const answer = await response.json().catch(() => ({}));
  return answer.error ?? `${response.status} ${response.statusText}`;
}

const json = async (method, path, body) => (await send(method, path, body === undefined ? body : JSON.stringify(body))).json();
const job = (id) => `/api/jobs/${encodeURIComponent(id)}`;

/** One file as it is; COLMAP's two as the fields of a form, which brings its own content type. */
function pathBody(files) {
  if (files.length === 1) return [files[0], 'application/octet-stream'];
  const form = new FormData();
  for (const file of files) form.append(file.name.replace(/\.txt$/i, '').toLowerCase(), file);
  return [form, null];
}

export const api = {
  machine: () => json('GET', '/api/machine'),
  templates: async () => (await json('GET', '/api/templates')).templates,
  jobs: (before = null, limit = 50) => json('GET', `/api/jobs?limit=${limit}${before ? `&before=${encodeURIComponent(before)}` : ''}`),
  job: (id) => json('GET', job(id)),
  submit: (request) => json('POST', '/api/jobs', request),
  rename: (id, name) => json('PATCH', job(id), { name }),
  remove: (id) => json('DELETE', job(id)),
  cancel: (id) => json('POST', `${job(id)}/cancel`),
  requeue: (id) => json('POST', `${job(id)}/requeue`),
  request: (id) => json('GET', `${job(id)}/request`),
  template: (wish) => json('POST', '/api/paths/template', wish),
  check: (path) => json('POST', '/api/paths/check', path),
  importPath: async (files, size) => (await send('POST', `/api/paths/import?height=${size.height}&width=${size.width}`, ...pathBody(files))).json(),
  exportPath: async (path, format) => (await send('POST', `/api/paths/export?format=${format}`, JSON.stringify(path))).blob(),
};
