"""Damage that a workshop survives: results, ledgers and folders that are not as they were left."""

import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from studio_setup import body, until

from flashworld.apps.studio.application import create_app
from flashworld.errors import BackendError, FormatError
from flashworld.jobs import Job, NoJobError, Workshop
from flashworld.jobs.folder_lock import FolderLock
from flashworld.jobs.ledger import Ledger
from flashworld.jobs.shelf import FILES
from flashworld.jobs.summary import Summary
from flashworld.request import parse_request

A_REQUEST = parse_request(body())
SOUND = Summary(5, 7, {"denoise": 1.5}, 1e9)
DAMAGED = [
    b"", b"{", b"null", b"[]", b"5", b"\xff\xfe", b"[" * 100_000, SOUND.to_json()[:-1], b"{}", b'{"state": "queued"}',
    SOUND.to_json().replace(b"5", b'"5"'), SOUND.to_json().replace(b"7", b"-7"),
    SOUND.to_json().replace(b"7", b"7" * 30), SOUND.to_json().replace(b"1.5", b"NaN"),
    SOUND.to_json().replace(b"1.5", b"[1]"), SOUND.to_json().replace(b'{"denoise": 1.5}', b"[]"),
    SOUND.to_json().replace(b"5,", b"true,"), SOUND.to_json()[:-1] + b', "id": "x"}',
]  # fmt: skip


def ended(workshop: Workshop, job: Job) -> Job:
    return until(lambda: (now := workshop.job(job.id)).finished and now)


@pytest.fixture(scope="module")
def died(tmp_path_factory, maker) -> tuple[Path, str]:
    """A folder whose last process died between the renaming that completes a job and the record of it; that job."""
    folder = tmp_path_factory.mktemp("died")
    workshop = Workshop(folder, [maker])
    job = workshop.submit(A_REQUEST)
    workshop.start()
    ended(workshop, job)
    workshop._ledger.update(job.id, state="running", finished_at=None)
    workshop.close()
    return folder, job.id


def copied(died: tuple[Path, str], folder: Path) -> Path:
    """The result's summary in a copy of that folder."""
    shutil.copytree(died[0], folder)
    return folder / "jobs" / died[1] / "result" / "summary.json"


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """A disk, for the time of a block, on which no file grows larger than some bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_summary_comes_back_as_it_went_in():
    assert Summary.parse(SOUND.to_json()) == SOUND


@pytest.mark.parametrize("damaged", DAMAGED, ids=lambda damaged: repr(damaged)[:40])
def test_a_damaged_summary_stops_no_start(died, tmp_path, maker, damaged):
    copied(died, tmp_path / "data").write_bytes(damaged)
    workshop = Workshop(tmp_path / "data", [maker])
    found = workshop.job(died[1])
    assert (found.state, "damaged" in (found.error or "")) == ("failed", True)
    with pytest.raises(NoJobError):
        workshop.file(found.id, "ply")
    workshop.close()


def test_a_job_whose_result_was_damaged_can_be_repeated(died, tmp_path, maker):
    copied(died, tmp_path / "data").write_bytes(b"{")
    workshop = Workshop(tmp_path / "data", [maker])
    workshop.start()
    workshop.requeue(died[1])
    assert set(ended(workshop, workshop.job(died[1])).files) == set(FILES)
    workshop.close()


def test_a_folder_in_the_place_of_a_file_stops_no_start(died, tmp_path, maker):
    summary = copied(died, tmp_path / "data")
    scene = summary.with_name("scene.ply")
    for path in (summary, scene):
        path.unlink()
        path.mkdir()
    stray = tmp_path / "data/jobs/00000000-0000-4000-8000-000000000000/making/scene.ply"
    stray.mkdir(parents=True)
    workshop = Workshop(tmp_path / "data", [maker])
    assert workshop.job(died[1]).state == "interrupted"
    workshop.close()
    assert stray.is_dir(), "what is not ours is left alone"


def test_a_sound_result_is_recorded_by_the_next_start(died, tmp_path, maker):
    copied(died, tmp_path / "data")
    workshop = Workshop(tmp_path / "data", [maker])
    assert workshop.job(died[1]).state == "completed"
    assert workshop.file(died[1], "ply").is_file()
    workshop.close()


@pytest.mark.slow
def test_a_job_at_work_is_not_taken_for_a_lost_one(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker])
    job = workshop.submit(A_REQUEST)
    workshop.start()
    until(lambda: workshop.job(job.id).state == "running" or workshop.job(job.id).finished)
    while not workshop.job(job.id).finished:
        workshop._sweep()
    assert workshop.job(job.id).state == "completed"
    workshop.close()


@pytest.mark.parametrize("fault", [OSError("no disk"), sqlite3.OperationalError("disk I/O error")])
def test_the_sweeper_survives_a_disk_and_a_ledger_that_fail(tmp_path, maker, monkeypatch, fault):
    def broken(*_):
        times.append(time.monotonic())
        raise fault

    times: list[float] = []
    monkeypatch.setattr("flashworld.jobs.workshop.sweep", broken)
    monkeypatch.setattr("flashworld.jobs.workshop.SWEEP_SECONDS", 0.01)
    workshop = Workshop(tmp_path, [maker])
    workshop.start()
    until(lambda: len(times) >= 3)
    workshop.close()


def test_a_damaged_ledger_is_told_in_words(tmp_path):
    ledger = Ledger(tmp_path / "jobs.sqlite3")
    ledger.close()
    content = bytearray((tmp_path / "jobs.sqlite3").read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    (tmp_path / "jobs.sqlite3").write_bytes(content)
    with pytest.raises(FormatError, match="move it away"):
        Ledger(tmp_path / "jobs.sqlite3")


def test_a_folder_that_cannot_be_locked_is_not_called_another_servers(tmp_path):
    (tmp_path / "lock.sqlite3").write_bytes(b"no database, and long enough to be told from an empty one" * 30)
    with pytest.raises(BackendError, match="cannot be locked"):
        FolderLock(tmp_path)
    (tmp_path / "folder/lock.sqlite3").mkdir(parents=True)
    with pytest.raises(BackendError, match="cannot be locked"):
        FolderLock(tmp_path / "folder")


def test_a_full_disk_costs_neither_the_ledger_nor_the_folder_anything(tmp_path, maker):
    """What cannot be written is refused as a whole, and what comes later is kept."""
    workshop = Workshop(tmp_path, [maker])
    job = workshop.submit(A_REQUEST)
    full = (tmp_path / "jobs.sqlite3-wal").stat().st_size
    for refused in (lambda: workshop.submit(A_REQUEST), lambda: workshop.rename(job.id, "no room for this")):
        with pytest.raises(sqlite3.OperationalError), no_room_beyond(full):
            refused()
    assert [kept.id for kept in workshop.page(10)] == [job.id] == [path.name for path in (tmp_path / "jobs").iterdir()]
    later = workshop.rename(workshop.submit(A_REQUEST).id, "later")
    workshop.close()
    again = Workshop(tmp_path, [maker])
    assert again.job(later.id).name == "later"
    assert again.job(job.id).name != "no room for this"
    again.close()


def test_a_full_disk_is_told_in_words(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker])
    client = create_app(workshop).test_client()
    job = client.post("/api/jobs", json=body()).json
    with no_room_beyond((tmp_path / "jobs.sqlite3-wal").stat().st_size):
        answer = client.post(f"/api/jobs/{job['id']}/cancel")
    assert (answer.status_code, "disk may be full" in answer.json["error"]) == (503, True)
    assert client.post(f"/api/jobs/{job['id']}/cancel").status_code == 200
    workshop.close()


def test_a_worker_outlives_a_ledger_that_gives_it_no_job(tmp_path, maker, monkeypatch):
    failures = [sqlite3.OperationalError("database or disk is full"), sqlite3.DatabaseError("damaged")]
    take_next = Ledger.take_next

    def broken(*given):
        if failures:
            raise failures.pop()
        return take_next(*given)

    monkeypatch.setattr(Ledger, "take_next", broken)
    monkeypatch.setattr("flashworld.jobs.crew.AGAIN_SECONDS", 0.01)
    workshop = Workshop(tmp_path, [maker])
    workshop.start()
    assert ended(workshop, workshop.submit(A_REQUEST)).state == "completed"
    assert not failures
    workshop.close()


def test_files_that_cannot_be_removed_keep_no_job_alive(died, tmp_path, maker, monkeypatch):
    """A job is gone as soon as that is recorded; what is left of it goes at the next start."""

    def stuck(*_, **__):
        raise PermissionError(13, "Permission denied")

    summary = copied(died, tmp_path / "data")
    workshop = Workshop(tmp_path / "data", [maker])
    with monkeypatch.context() as context:
        context.setattr("pathlib.Path.unlink", stuck)
        workshop.delete(died[1])
    with pytest.raises(NoJobError):
        workshop.job(died[1])
    workshop.close()
    assert summary.is_file()
    Workshop(tmp_path / "data", [maker]).close()
    assert not summary.parent.parent.exists()


def test_a_job_that_is_repeated_does_not_expire(died, tmp_path, maker, monkeypatch):
    """Not even if that happens while the sweeper is at it."""
    copied(died, tmp_path / "data").write_bytes(b"{")
    workshop = Workshop(tmp_path / "data", [maker])
    old = [workshop.job(died[1])]
    monkeypatch.setattr(Ledger, "ended_before", lambda *_: old)
    workshop.requeue(died[1])
    workshop._sweep()
    assert workshop.job(died[1]).state == "queued"
    workshop.close()
