/**
 * The jobs that the page knows, newest first, kept true by the server's event stream.
 *
 * The browser's `EventSource` reconnects by itself; after each reconnection the list is asked for anew, since events in
 * between are gone. While there is no stream at all, the list is asked for every few seconds.
 *
 * @typedef {{id: string, name: string, state: string, position: number, created_at: number, ends_at: number | null,
 *   [field: string]: any}} Job as the server tells it, and when it will be completed by this machine's clock (Unix seconds)
 */

const POLL_SECONDS = 3;
const RETRY_SECONDS = 15;
/** `EventSource.CLOSED`. */
const CLOSED = 2;
export const FINISHED = ['completed', 'failed', 'cancelled', 'interrupted'];

const seconds = () => Date.now() / 1000;

/** A job, or its place in the queue, that was told now: the time it still takes runs from here. */
const dated = (told, now) => ({ ...told, ends_at: told.expected_seconds === null ? null : now + told.expected_seconds });

/** The jobs with one put in, or in place of its older self. */
export function withJob(jobs, job, now = seconds()) {
  return [...jobs.filter(({ id }) => id !== job.id), dated(job, now)].toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1));
}

/** The jobs with what the queue tells of those that wait: their positions and how long they will take. */
export function withPlaces(jobs, waiting, now = seconds()) {
  const places = new Map(waiting.map((place) => [place.id, dated(place, now)]));
  return jobs.map((job) => (job.state === 'queued' ? { ...job, ...places.get(job.id) } : job));
}

export const withoutJob = (jobs, id) => jobs.filter((job) => job.id !== id);

/** Those that wait or run, in the order in which they will finish. */
export const queueOf = (jobs) => jobs.filter((job) => !FINISHED.includes(job.state)).toReversed();

/** Those that ended, newest first. */
export const historyOf = (jobs) => jobs.filter((job) => FINISHED.includes(job.state));

/**
 * Keeps `store` (`{jobs, next, connected}`) true until the page closes.
 * @param {ReturnType<import('./store.js').createStore>} store
 * @param {typeof import('./api.js').api} api
 */
export function followJobs(store, api, { Source = globalThis.EventSource } = {}) {
  let timer = null;

  async function refresh() {
    try {
      const { jobs, next } = await api.jobs();
      const oldest = jobs.at(-1)?.created_at ?? 0;
      const older = store.get().jobs.filter((job) => next && job.created_at < oldest);
      store.update({ jobs: [...jobs.reduce((all, job) => withJob(all, job), []), ...older], next: older.length > 0 ? store.get().next : next, connected: true, loaded: true });
    } catch {
      store.update({ connected: false });
    }
  }

  const poll = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(refresh, POLL_SECONDS * 1000) : null;
  };

  function listen() {
    const source = new Source('/api/events');
    source.onopen = () => {
      poll(false);
      refresh();
    };
    source.onerror = () => {
      if (timer === null) poll(true);
      // Who gets no stream may still get the list: that says whether the server is there.
      refresh();
      // After an answer that is no stream, such as 503, a browser gives up for good.
      if (source.readyState === CLOSED) setTimeout(listen, RETRY_SECONDS * 1000);
    };
    source.addEventListener('job', (event) => store.update({ jobs: withJob(store.get().jobs, JSON.parse(event.data)) }));
    source.addEventListener('queue', (event) => store.update({ jobs: withPlaces(store.get().jobs, JSON.parse(event.data).waiting) }));
    source.addEventListener('removed', (event) => store.update({ jobs: withoutJob(store.get().jobs, JSON.parse(event.data).id) }));
  }

  listen();
  refresh();
}
