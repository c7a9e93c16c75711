"""The page's list of jobs, run by node: events and answers, in whichever order they come, tell how things stand.

Marker `external`: needs node, but none of its packages.
"""

import pytest
from test_studio_page import call, run

pytestmark = pytest.mark.external


def test_the_list_of_jobs_follows_events():
    told = run("""
        import { withJob, withoutJob, queueOf, historyOf } from './jobs.js';
        const told = { expected_seconds: null };
        const job = (id, created_at, state, position = 0) => ({ ...told, id, created_at, state, position });
        let jobs = [];
        for (const one of [job('a', 1, 'running'), job('b', 2, 'queued', 1), job('c', 3, 'queued', 2)]) {
          jobs = withJob(jobs, one);
        }
        jobs = withJob(jobs, job('a', 1, 'completed'));
        const ids = (list) => list.map(({ id }) => id).join('');
        console.log(JSON.stringify([ids(jobs), ids(queueOf(jobs)), ids(historyOf(jobs)), ids(withoutJob(jobs, 'b'))]));
    """)
    assert told == ["cba", "bc", "a", "ca"]


def test_who_waits_moves_up_when_the_queue_says_so():
    jobs = [
        {"id": name, "created_at": at, "state": state, "position": place, "expected_seconds": seconds}
        for name, at, state, place, seconds in (("a", 1, "running", 0, 9), ("b", 2, "queued", 2, 30))
    ]
    moved, finished = [{"id": "b", "position": 1, "expected_seconds": 20}], [{"id": "a", "position": 1}]
    (told,) = call("jobs.js", ["withJob", [], jobs[0], 1000])
    (told,) = call("jobs.js", ["withJob", told, jobs[1], 1000])
    assert [(job["id"], job["position"], job["ends_at"]) for job in told] == [("b", 2, 1030), ("a", 0, 1009)]
    told, late = call("jobs.js", ["withPlaces", told, moved, 1005], ["withPlaces", told, finished, 1005])
    assert [(job["id"], job["position"], job["ends_at"]) for job in told] == [("b", 1, 1025), ("a", 0, 1009)]
    assert late[1]["position"] == 0, "a job that runs by now has left the queue"


def test_the_queue_is_told_in_the_order_of_its_places():
    """A job that is put in again waits at the end, however old it is."""
    jobs = [
        {"id": name, "created_at": at, "state": state, "position": place}
        for name, at, state, place in (
            ("new", 5, "running", 0), ("b", 4, "queued", 1), ("c", 3, "queued", 2), ("d", 2, "completed", 0),
            ("again", 1, "queued", 3), ("old", 0, "running", 0),
        )
    ]  # fmt: skip
    (queue,) = call("jobs.js", ["queueOf", jobs])
    assert [job["id"] for job in queue] == ["old", "new", "b", "c", "again"]


def test_the_bar_of_the_files_never_goes_back():
    """PLY and SPZ are told one after another, each from its beginning, and then the pictures of the film."""
    told = [("write", share) for share in (0, 0.5, 1, 0.1, 1)] + [("film", share) for share in (0, 0.5, 1)]
    jobs = [
        {
            "state": "running",
            "previews": ["1", "2"],
            "progress": {"stage": stage, "step": None, "steps": 2, "done": share, "total": 1},
        }
        for stage, share in told
    ]
    bars = [parts[-1] for parts in call("progress.js", *(["partsOf", job] for job in jobs))]
    assert bars == sorted(bars)
    assert bars[0] == 0
    assert bars[-1] == 1
    assert bars[-3] < bars[-2] < bars[-1]


JOBS = """
    import { createJobs, followJobs } from './jobs.js';
    const jobs = createJobs();
    const job = (id, state) => ({ id, state, created_at: Number(id), position: 0, expected_seconds: null });
    const asked = [];
    const turn = () => new Promise((resolve) => setTimeout(resolve));
    /** What is asked of the server is answered when the test says so. */
    const answered = (resolve) => (...jobs) => {
      resolve({ jobs, next: null });
      return turn();
    };
    const api = { jobs: () => new Promise((resolve) => asked.push(answered(resolve))) };
    let source;
    class Source extends EventTarget {
      constructor() { super(); source = this; }
      tell(type, data) { this.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data) })); }
    }
    followJobs(jobs, api, { Source });
    const now = () => jobs.get().jobs.map(({ id, state }) => `${id} ${state}`).join(', ');
    const seen = [];
"""


def test_a_late_list_undoes_nothing_that_was_told_meanwhile():
    seen = run(
        JOBS
        + """
        await asked[0](job('1', 'running'), job('2', 'running'));
        source.onopen();
        source.tell('job', job('1', 'completed'));
        source.tell('removed', { id: '2' });
        source.tell('job', job('3', 'queued'));
        await asked[1](job('1', 'running'), job('2', 'running'), job('0', 'failed'));
        seen.push(now());
        source.onopen();
        source.onopen();
        await asked[3](job('3', 'completed'));
        await asked[2](job('1', 'completed'), job('3', 'running'));
        seen.push(now());
        console.log(JSON.stringify(seen));
    """
    )
    assert seen == ["3 queued, 1 completed, 0 failed", "3 completed"]


def test_a_list_tells_of_what_happened_while_nothing_was_heard():
    seen = run(
        JOBS
        + """
        source.tell('job', job('1', 'running'));
        source.tell('queue', { waiting: [{ id: '2', position: 1, expected_seconds: null }] });
        source.onerror();
        await asked[1](job('1', 'completed'), job('2', 'queued'));
        console.log(JSON.stringify(now()));
        process.exit();
    """
    )
    assert seen == "2 queued, 1 completed"


def test_an_answer_about_a_job_revives_nothing_that_has_ended():
    seen = run(
        JOBS
        + """
        await asked[0](job('1', 'running'), job('2', 'failed'));
        const ask = async (state, id, meanwhile) => {
          await jobs.ask(async () => {
            meanwhile();
            return job(id, state);
          });
          seen.push(now());
        };
        await ask('running', '1', () => source.tell('job', job('1', 'cancelled')));
        await ask('queued', '2', () => {});
        await ask('queued', '2', () => jobs.forget('2'));
        console.log(JSON.stringify(seen));
    """
    )
    assert seen == ["2 failed, 1 cancelled", "2 queued, 1 cancelled", "1 cancelled"]
