"""The workshop: order, cancelling, recovery and clean-up, with the real small model."""

import io
import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from studio_setup import FRAMES, body, picture, until

from flashworld.errors import BackendError, FormatError, RequestError
from flashworld.formats import inspect, load
from flashworld.generation import generate, read_record, stream
from flashworld.jobs import Job, Limits, Maker, NoJobError, NoRoomError, NotNowError, QueueFullError, Workshop
from flashworld.jobs.failures import OUT_OF_MEMORY, in_words
from flashworld.jobs.job import is_id, new_id
from flashworld.jobs.news import INTERVAL, Listener, Message
from flashworld.jobs.shelf import FILES
from flashworld.request import parse_request

A_REQUEST = parse_request(body())


@pytest.fixture
def shop(tmp_path, maker):
    workshop = Workshop(tmp_path / "studio", [maker])
    yield workshop
    workshop.close()


def ended(workshop: Workshop, job: Job) -> Job:
    return until(lambda: (now := workshop.job(job.id)).finished and now)


def at_stage(workshop: Workshop, job: Job, stage: str) -> None:
    """Wait until the job is in a stage of its work, or beyond what may have been missed."""
    until(lambda: workshop.status([workshop.job(job.id)])[0].progress.stage == stage or workshop.job(job.id).finished)
    assert not workshop.job(job.id).finished, "the job was too fast for this test"


def heard_until(listener: Listener, reached: Callable[[Job], bool]) -> list[Message]:
    """All that is told until a job is as it shall be."""
    heard: list[Message] = []
    while not any(message.kind == "job" and reached(message.content.job) for message in heard):
        heard += (news := listener.fetch(60))
        assert news, "nothing more is told"
    return heard


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_job_becomes_files_that_others_can_read(shop):
    shop.start()
    job = shop.submit(parse_request(body(image_prompt=picture(), image_index=1)), name=" a\nhouse ")
    assert (job.state, job.name, job.has_image, is_id(job.id)) == ("queued", "a house", True, True)
    done = ended(shop, job)
    assert (done.state, done.error, done.seed) == ("completed", None, 5)
    assert set(done.files) == set(FILES)
    assert done.files == {kind: shop.file(job.id, kind).stat().st_size for kind in FILES}
    assert inspect(shop.file(job.id, "ply")).num_gaussians == done.num_gaussians
    assert len(load(shop.file(job.id, "spz"))) == done.num_gaussians
    assert read_record(shop.file(job.id, "record").read_bytes()).request.image_index == 1
    assert Image.open(shop.file(job.id, "thumbnail")).size == (96, 64)
    assert {"prepare", "denoise", "write", "film"} <= set(done.seconds)


def test_the_result_is_the_librarys(shop, maker):
    shop.start()
    job = ended(shop, shop.submit(A_REQUEST))
    generate(A_REQUEST, maker.model).save(shop.file(job.id, "ply").with_name("again.ply"))
    assert shop.file(job.id, "ply").read_bytes() == shop.file(job.id, "ply").with_name("again.ply").read_bytes()


def test_a_world_can_be_looked_at_after_each_step(shop):
    job = shop.submit(A_REQUEST)
    listener = shop.listen()
    shop.start()
    ended(shop, job)
    told = [m.content.progress.previews for m in heard_until(listener, lambda now: now.finished) if m.kind == "job"]
    assert [0] in [list(seen[:1]) for seen in told]
    assert all(list(seen) == list(range(len(seen))) for seen in told)
    assert all(len(load(shop.preview(job.id, step))) > 0 for step in range(4))


def test_steps_that_begin_again_for_want_of_memory_are_looked_at_once_each(maker, tmp_path, monkeypatch):
    def again(*given, **options):
        for step in stream(*given, **options):
            if step.index == 2:
                break
            yield step
        yield from stream(*given, **options)

    told: list[tuple[int, ...]] = []
    monkeypatch.setattr("flashworld.jobs.making.stream", again)
    maker.make(A_REQUEST, False, tmp_path, lambda step: tmp_path / f"{step}.spz", lambda now: told.append(now.previews))
    assert {len(set(seen)) - len(seen) for seen in told} == {0}
    assert told[-1] == (0, 1, 2, 3)


@pytest.mark.slow
def test_jobs_are_made_in_the_order_in_which_they_came(shop):
    jobs = [shop.submit(A_REQUEST, name=str(index)) for index in range(4)]
    assert [status.position for status in shop.status(jobs)] == [1, 2, 3, 4]
    shop.start()
    done = [ended(shop, job) for job in jobs]
    starts = [job.started_at for job in done]
    assert starts == sorted(starts)
    assert [job.name for job in shop.page(10)] == ["3", "2", "1", "0"]


@pytest.mark.slow
def test_two_workers_make_two_jobs_at_once(tmp_path, maker):
    from flashworld.weights import load as load_model

    workshop = Workshop(tmp_path, [maker, Maker(load_model("tiny"))])
    jobs = [workshop.submit(A_REQUEST) for _ in range(4)]
    workshop.start()
    done = [ended(workshop, job) for job in jobs]
    results = {workshop.file(job.id, "ply").read_bytes() for job in done}
    workshop.close()
    assert (done[1].started_at or 0) < (done[0].finished_at or 0)
    assert [job.state for job in done] == ["completed"] * 4
    assert len(results) == 1, "equal requests give equal scenes, whoever makes them"


def test_cancelling_takes_a_waiting_job_out(shop):
    first, second = shop.submit(A_REQUEST), shop.submit(A_REQUEST)
    assert shop.cancel(first.id).state == "cancelled"
    assert [status.position for status in shop.status([shop.job(first.id), second])] == [0, 1]
    with pytest.raises(NotNowError):
        shop.cancel(first.id)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["denoise", "film"])
def test_cancelling_stops_a_running_job_in_the_middle(shop, tmp_path, stage):
    big = parse_request(body(resolution=[FRAMES, 256, 384]))
    shop.start()
    job = shop.submit(big)
    at_stage(shop, job, stage)
    asked = time.monotonic()
    shop.cancel(job.id)
    assert ended(shop, job).state == "cancelled"
    assert time.monotonic() - asked < 30
    assert not any("making" in name or "result" in name for name in files_below(tmp_path))
    assert ended(shop, shop.submit(A_REQUEST)).state == "completed", "the worker goes on"


@pytest.mark.slow
def test_a_cancelled_job_can_be_repeated(shop):
    job, other = shop.submit(A_REQUEST), shop.submit(A_REQUEST)
    shop.cancel(job.id)
    again = shop.requeue(job.id)
    assert (again.state, again.id) == ("queued", job.id)
    assert [status.position for status in shop.status([again, other])] == [2, 1]
    with pytest.raises(NotNowError):
        shop.requeue(job.id)
    shop.start()
    assert ended(shop, job).state == "completed"
    with pytest.raises(NotNowError):
        shop.requeue(job.id)


@pytest.mark.slow
def test_a_failed_job_says_why_without_telling_of_the_machine(shop, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    shop.start()
    with monkeypatch.context() as broken:
        broken.setattr("flashworld.jobs.making.stream", fail)
        assert ended(shop, shop.submit(A_REQUEST)).error == OUT_OF_MEMORY
    job = shop.submit(parse_request(body(resolution=[FRAMES, 256, 384])))
    at_stage(shop, job, "denoise")
    making = tmp_path / "studio/jobs" / job.id / "making"
    making.rename(making.with_name("moved"))
    failed = ended(shop, job)
    assert failed.state == "failed"
    assert failed.error
    assert str(tmp_path) not in failed.error
    making.with_name("moved").rmdir()
    assert ended(shop, shop.requeue(job.id)).state == "completed"


def test_the_errors_of_a_job_name_no_folder():
    told = [
        in_words(FormatError("Cannot write /srv/me/my data/jobs/x/scene.ply: no space left on device; make room.")),
        in_words(FormatError(r"C:\Users\me\my data\scene.ply: damaged")),
        in_words(RequestError(["resolution: 3/4 was given, or w/h"])),
        in_words(OSError(28, "No space left", "/srv/me/data")),
    ]
    assert told[0] == "Cannot write scene.ply: no space left on device; make room."
    assert told[1] == "scene.ply: damaged"
    assert told[2] == "resolution: 3/4 was given, or w/h"
    assert "/srv" not in told[3]


def test_a_disk_that_takes_no_request_is_told_without_its_place(shop, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(NoRoomError) as refused:
        shop.submit(A_REQUEST)
    assert str(tmp_path) not in str(refused.value)
    assert shop.page(10) == []
    assert not list((tmp_path / "studio/jobs").iterdir())


@pytest.mark.slow
def test_closing_interrupts_what_runs_and_keeps_what_waits(tmp_path, maker):
    first = Workshop(tmp_path, [maker])
    done = first.submit(A_REQUEST)
    first.start()
    ended(first, done)
    running = first.submit(parse_request(body(resolution=[FRAMES, 256, 384])))
    waiting = first.submit(A_REQUEST)
    at_stage(first, running, "denoise")
    first.close()
    second = Workshop(tmp_path, [maker])
    assert [second.job(job.id).state for job in (done, running, waiting)] == ["completed", "interrupted", "queued"]
    second.start()
    assert ended(second, waiting).state == "completed"
    assert ended(second, second.requeue(running.id)).state == "completed"
    assert second.file(done.id, "ply").is_file()
    second.close()


def test_closing_does_not_wait_for_work_that_does_not_listen(tmp_path, maker, monkeypatch):
    deep, let_go = threading.Event(), threading.Event()
    make = Maker.make

    def without_listening(*given):
        deep.set()
        let_go.wait(60)
        return make(*given)

    monkeypatch.setattr(Maker, "make", without_listening)
    monkeypatch.setattr("flashworld.jobs.crew.PATIENCE", 0.1)
    first = Workshop(tmp_path, [maker])
    job = first.submit(A_REQUEST)
    first.start()
    assert deep.wait(60)
    began = time.monotonic()
    assert not first.close()
    assert time.monotonic() - began < 30
    with pytest.raises(BackendError, match="Another server"):  # the worker may still write there
        Workshop(tmp_path, [maker])
    let_go.set()
    until(first.close)
    second = Workshop(tmp_path, [maker])
    assert second.job(job.id).state == "interrupted"
    second.close()


@pytest.mark.parametrize("renamed", [False, True])
def test_a_restart_finds_out_what_became_of_a_job(tmp_path, maker, monkeypatch, renamed):
    """Death just before, and just after, the renaming that completes a job."""
    first = Workshop(tmp_path, [maker])
    job = first.submit(A_REQUEST)
    monkeypatch.setattr("flashworld.jobs.crew.settle", lambda *_: None)
    if not renamed:
        monkeypatch.setattr("flashworld.jobs.shelf.Shelf.publish", lambda *_: None)
    first.start()
    until(lambda: not first.status([job])[0].progress.previews and first.job(job.id).state == "running")
    until(lambda: not first._crew.progress())
    first.close()
    monkeypatch.undo()
    second = Workshop(tmp_path, [maker])
    found = second.job(job.id)
    assert found.state == ("completed" if renamed else "interrupted")
    assert set(found.files) == (set(FILES) if renamed else set())
    assert not list(tmp_path.rglob("making"))
    second.close()


def test_a_lost_ledger_takes_no_result_with_it(tmp_path, maker):
    """Its own error advises to move it away."""
    first = Workshop(tmp_path, [maker])
    job = first.submit(A_REQUEST)
    first.start()
    ended(first, job)
    first.close()
    (tmp_path / "jobs.sqlite3").rename(tmp_path / "away.sqlite3")
    scene = tmp_path / "jobs" / job.id / "result" / "scene.ply"
    Workshop(tmp_path, [maker]).close()
    assert scene.is_file()
    (tmp_path / "away.sqlite3").rename(tmp_path / "jobs.sqlite3")
    again = Workshop(tmp_path, [maker])
    assert again.file(job.id, "ply") == scene
    again.close()


@pytest.mark.usefixtures("shop")
def test_one_workshop_at_a_time_has_a_folder(tmp_path, maker):
    with pytest.raises(BackendError, match="Another server"):
        Workshop(tmp_path / "studio", [maker])


def test_a_folder_from_a_later_version_is_left_alone(tmp_path, maker):
    Workshop(tmp_path, [maker]).close()
    connection = sqlite3.connect(tmp_path / "jobs.sqlite3")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(ValueError, match="newer version"):
        Workshop(tmp_path, [maker])


def test_the_queue_is_bounded_for_all_and_for_each(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker], Limits(queued=3, queued_per_client=2))
    for _ in range(2):
        workshop.submit(A_REQUEST, client="a")
    with pytest.raises(QueueFullError) as mine:
        workshop.submit(A_REQUEST, client="a")
    cancelled = workshop.submit(A_REQUEST, client="b")
    with pytest.raises(QueueFullError) as everyones:
        workshop.submit(A_REQUEST, client="c")
    assert (mine.value.mine, everyones.value.mine) == (True, False)
    workshop.cancel(cancelled.id)
    assert workshop.submit(A_REQUEST, client="c").state == "queued"
    with pytest.raises(QueueFullError):
        workshop.requeue(cancelled.id)
    folders = [path.name for path in (tmp_path / "jobs").iterdir()]
    assert sorted(folders) == sorted(job.id for job in workshop.page(10)), "a refused job leaves nothing"
    workshop.close()


def test_what_the_machine_cannot_hold_is_refused(shop):
    huge = parse_request(body(resolution=[64, 1280, 1280]))
    with pytest.raises(RequestError, match="exact_size"):
        shop.submit(huge, exact_size=True)
    assert "works with 6 views" in shop.submit(huge).note


def test_deleting_removes_the_files_of_a_job_and_no_others(shop, tmp_path):
    shop.start()
    job = ended(shop, shop.submit(A_REQUEST))
    kept = ended(shop, shop.submit(A_REQUEST))
    strange = tmp_path / "studio/jobs" / job.id / "result" / "mine.txt"
    strange.write_text("a person put this here")
    beside = tmp_path / "studio" / "notes.txt"
    beside.write_text("and this")
    assert set(shop.delete(job.id)) == set(FILES)
    left = {name for name in files_below(tmp_path / "studio") if job.id in name}
    assert left == {f"jobs/{job.id}/result/mine.txt"}
    assert beside.is_file()
    assert shop.file(kept.id, "ply").is_file()
    for gone in (shop.job, shop.request, shop.delete, shop.requeue, shop.cancel):
        with pytest.raises(NoJobError):
            gone(job.id)


def test_a_running_job_is_not_deleted_but_a_waiting_one_is(shop):
    running = shop.submit(parse_request(body(resolution=[FRAMES, 256, 384])))
    waiting = shop.submit(A_REQUEST)
    shop.start()
    at_stage(shop, running, "denoise")
    with pytest.raises(NotNowError):
        shop.delete(running.id)
    assert shop.delete(waiting.id) == []
    shop.cancel(running.id)
    ended(shop, running)
    assert shop.record(waiting.id).state == "cancelled"


def test_results_expire_by_age(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker], Limits(keep_seconds=0.0))
    job = workshop.submit(A_REQUEST)
    waiting = workshop.submit(A_REQUEST)
    workshop.cancel(job.id)
    workshop._sweep()
    with pytest.raises(NoJobError):
        workshop.job(job.id)
    assert workshop.job(waiting.id).state == "queued", "what waits never expires"
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == [waiting.id]
    workshop.close()


@pytest.mark.slow
def test_the_oldest_results_make_room(tmp_path, maker):
    plain = Workshop(tmp_path, [maker])
    plain.start()
    jobs = [ended(plain, plain.submit(A_REQUEST)) for _ in range(3)]
    plain.close()
    workshop = Workshop(tmp_path, [maker], Limits(keep_bytes=sum(job.bytes for job in jobs) - 1))
    workshop._sweep()
    assert [job.id for job in workshop.page(10)] == [jobs[2].id, jobs[1].id]
    workshop.close()


def test_previews_go_some_time_after_the_end(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker], Limits(preview_seconds=0.0))
    workshop.start()
    job = ended(workshop, workshop.submit(A_REQUEST))
    until(lambda: not list((tmp_path / "jobs" / job.id).glob("previews/*")))
    assert workshop.file(job.id, "spz").is_file()
    workshop.close()


def test_an_identifier_is_random_and_never_part_of_a_path_unless_it_has_its_form(shop):
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(map(is_id, ids))
    # Every free digit takes every value: nothing of it is a counter or a clock.
    assert all(len({text[at] for text in ids}) == 16 for at in (0, 5, 10, 24, 35))
    for text in ("", ".", "..", "../../etc/passwd", next(iter(ids)).upper(), next(iter(ids)) + "\n", "a" * 36):
        assert not is_id(text)
        with pytest.raises(NoJobError):
            shop._shelf.file(text, "ply")


def test_news_are_told_together_and_to_all(shop):
    listeners = [shop.listen() for _ in range(3)]
    began = time.monotonic()
    job = shop.submit(A_REQUEST)
    for _ in range(50):
        shop.rename(job.id, "again and again")
    shop.rename(job.id, "for the last time")
    told = [heard_until(listener, lambda now: now.name == "for the last time") for listener in listeners]
    kinds = Counter(message.kind for message in told[0])
    assert 1 <= kinds["job"] <= 2 + (time.monotonic() - began) / INTERVAL, "changes are told a few times a second"
    assert kinds["queue"] == 1
    assert told[0] == told[1] == told[2]
    shop.delete(job.id)
    until(lambda: any(m.kind == "removed" and m.content == job.id for m in listeners[0].fetch(0.5)))


def test_a_job_that_has_waited_for_another_model_tells_of_the_one_that_made_it(tmp_path, maker):
    before = Workshop(tmp_path, [Maker(replace(maker.model, name="another", trained=False))])
    job = before.submit(A_REQUEST)
    assert (job.model, job.trained) == ("another", False)
    before.close()
    after = Workshop(tmp_path, [maker])
    after.start()
    done = ended(after, job)
    assert (done.state, done.model, done.trained) == ("completed", maker.model.name, maker.model.trained)
    after.close()


@pytest.mark.slow
def test_a_worker_survives_a_ledger_that_fails_for_a_moment(shop, monkeypatch):
    def broken(*_, **__):
        raise sqlite3.OperationalError("disk I/O error")

    shop.start()
    with monkeypatch.context() as context:
        context.setattr("flashworld.jobs.crew.settle", broken)
        job = shop.submit(A_REQUEST)
        until(lambda: shop._shelf.has_result(job.id) and not shop._crew.progress())
    assert ended(shop, shop.submit(A_REQUEST)).state == "completed"
    # What could not be recorded is, after the next look.
    until(lambda: shop.job(job.id).state == "completed")
    assert shop.file(job.id, "ply").is_file()


def test_the_request_is_kept_as_it_was_given(shop):
    given = body(image_prompt=picture(kind="JPEG"), image_index=2)
    job = shop.submit(parse_request(given))
    assert json.loads(shop.request(job.id)) == given
    assert io.BytesIO(shop.request(job.id).encode()).getbuffer().nbytes == job.bytes
