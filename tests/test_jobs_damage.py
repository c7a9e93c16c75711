"""Damage that a workshop survives: results, ledgers and folders that are not as they were left."""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from studio_setup import body, until

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
