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
    response = await fetch(path, { method, body, headers: body === undefined ? {} : { 'Content-Type': type } });
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

export const api = {
  machine: () => json('GET', '/api/machine'),
  templates: () => json('GET', '/api/templates'),
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
  importPath: async (file) => (await send('POST', '/api/paths/import', file, 'application/octet-stream')).json(),
  exportPath: async (path, format) => (await send('POST', `/api/paths/export?format=${format}`, JSON.stringify(path))).blob(),
};
