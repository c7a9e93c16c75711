/**
 * The jobs that the page knows, newest first, kept true by the server's event stream.
 *
 * An answer says how a job stood when it was asked for. It may be long on its way: what an event, or the answer to a later
 * question, has told of that job meanwhile is newer, and stays.
 *
 * The browser's `EventSource` reconnects by itself; after each reconnection the list is asked for anew, since events in
 * between are gone. While there is no stream at all, the list is asked for every few seconds.
 *
 * @typedef {{id: string, name: string, state: string, position: number, created_at: number, ends_at: number | null,
 *   [field: string]: any}} Job as the server tells it, and when it will be completed by this machine's clock (Unix seconds)
 */

import { createStore } from './store.js';

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

/** Those that run, and then those that wait, in the order of their places. */
export function queueOf(jobs) {
  const placeOf = ({ state, position }) => (state === 'queued' ? position : 0);
  return jobs.filter((job) => !FINISHED.includes(job.state)).toReversed().toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** Those that ended, newest first. */
export const historyOf = (jobs) => jobs.filter((job) => FINISHED.includes(job.state));

/** The store of the jobs (`{jobs, next, connected, loaded}`), and the ways by which they come to be what they are. */
export function createJobs() {
  const store = createStore({ jobs: [], next: null, connected: true, loaded: false });
  /** Counts questions and events as they come. */
  let count = 0;
  const begin = () => (count += 1);
  /** A job's id, also of one that is removed, to the question or event that told of it last. */
  const toldBy = new Map();
  /** The question that the last list of the newest jobs answered. */
  let listed = 0;
  const isNewer = ({ id }, question) => (toldBy.get(id) ?? 0) > question;

  /** The jobs with those of an answer about which nothing newer is known. */
  function withAnswer(jobs, told, question) {
    const fresh = told.filter((job) => !isNewer(job, question));
    for (const { id } of fresh) toldBy.set(id, question);
    return fresh.reduce((all, job) => withJob(all, job), jobs);
  }

  return {
    ...store,

    /** An event tells how a job stands. @param {Job} job */
    hear(job) {
      toldBy.set(job.id, begin());
      store.update({ jobs: withJob(store.get().jobs, job) });
    },

    /** An event tells of those that wait. */
    hearPlaces(waiting) {
      const { jobs } = store.get();
      const event = begin();
      for (const { id } of jobs) if (waiting.some((place) => place.id === id)) toldBy.set(id, event);
      store.update({ jobs: withPlaces(jobs, waiting) });
    },

    /** A job is removed, and no answer brings it back. @param {string} id */
    forget(id) {
      toldBy.set(id, begin());
      store.update({ jobs: withoutJob(store.get().jobs, id) });
    },

    /** Asks for what is answered by a job. @param {() => Promise<Job>} send */
    async ask(send) {
      const question = begin();
      const job = await send();
      store.update({ jobs: withAnswer(store.get().jobs, [job], question) });
      return job;
    },

    /** Asks for the newest. What is as new and not among them is gone, unless it was told of meanwhile. */
    async askNewest(send) {
      const question = begin();
      const { jobs, next } = await send();
      if (question < listed) return;
      listed = question;
      const known = store.get();
      const oldest = jobs.at(-1)?.created_at ?? 0;
      const isOlder = (job) => next && job.created_at < oldest;
      const kept = known.jobs.filter((job) => isOlder(job) || isNewer(job, question));
      store.update({
        jobs: withAnswer(kept, jobs, question), next: kept.some(isOlder) ? known.next : next, connected: true, loaded: true,
      });
    },

    /** Asks for those before the oldest that is known. @param {(before: string) => Promise<{jobs: Job[], next: string | null}>} send */
    async askOlder(send) {
      const question = begin();
      const { jobs, next } = await send(store.get().next);
      store.update({ jobs: withAnswer(store.get().jobs, jobs, question), next });
    },
  };
}

/**
 * Keeps the jobs true until the page closes.
 * @param {ReturnType<typeof createJobs>} store
 * @param {typeof import('./api.js').api} api
 */
export function followJobs(store, api, { Source = globalThis.EventSource } = {}) {
  let timer = null;

  async function refresh() {
    try {
      await store.askNewest(() => api.jobs());
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
    source.addEventListener('job', (event) => store.hear(JSON.parse(event.data)));
    source.addEventListener('queue', (event) => store.hearPlaces(JSON.parse(event.data).waiting));
    source.addEventListener('removed', (event) => store.forget(JSON.parse(event.data).id));
  }

  listen();
  refresh();
}
