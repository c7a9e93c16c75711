"""The studio as a process: started, watched, killed at any moment, started again."""

import json
import random
import sqlite3
import subprocess
import sys
import time
import urllib.request

import pytest
from studio_process import ROOT, Studio
from studio_setup import body, until

from flashworld.formats import inspect


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def check_nothing_is_lost(studio: Studio, folder, ids: list[str]) -> dict[str, str]:
    """Every job is there in a state that fits its files, and every file that is served is whole."""
    jobs = {job["id"]: job for job in studio.json("GET", "/api/jobs?limit=200")["jobs"]}
    assert set(ids) <= set(jobs)
    for job in jobs.values():
        assert job["state"] in ("queued", "running", "completed", "interrupted")
        status, content = studio.call("GET", f"/api/jobs/{job['id']}/files/ply")
        if job["state"] == "completed":
            assert len(content) == job["files"]["ply"]["bytes"]
            (folder / "check.ply").write_bytes(content)
            assert inspect(folder / "check.ply").num_gaussians == job["num_gaussians"]
            (folder / "check.ply").unlink()
        elif job["state"] != "running":
            assert status == 404
            assert not (folder / "jobs" / job["id"] / "making").exists()
    connection = sqlite3.connect(folder / "jobs.sqlite3")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return {job_id: job["state"] for job_id, job in jobs.items()}


def survive_kills(folder, times: int, longest: float, seed: int) -> int:
    """Kill a working studio at random moments; return how many jobs were interrupted on the way."""
    source = random.Random(seed)
    ids: list[str] = []
    completed: dict[str, float] = {}
    interrupted = 0
    for _ in range(times):
        studio = Studio(folder)
        states = check_nothing_is_lost(studio, folder, ids)
        for job_id in (job_id for job_id, state in states.items() if state == "interrupted"):
            interrupted += 1
            assert studio.json("POST", f"/api/jobs/{job_id}/requeue")["state"] == "queued"
        for job_id, finished_at in completed.items():
            job = studio.json("GET", f"/api/jobs/{job_id}")
            assert (job["state"], job["finished_at"]) == ("completed", finished_at), "completed once, and never again"
        ids += [studio.json("POST", "/api/jobs", body())["id"] for _ in range(2)]
        time.sleep(source.uniform(0, longest))
        done = [studio.json("GET", f"/api/jobs/{job_id}") for job_id in ids]
        completed |= {job["id"]: job["finished_at"] for job in done if job["state"] == "completed"}
        studio.kill()
    studio = Studio(folder)
    states = check_nothing_is_lost(studio, folder, ids)
    for job_id in (job_id for job_id, state in states.items() if state == "interrupted"):
        studio.json("POST", f"/api/jobs/{job_id}/requeue")
    until(lambda: set(check_nothing_is_lost(studio, folder, ids).values()) == {"completed"}, 300)
    assert studio.stop() == 0
    return interrupted


def test_kill_at_random_moments_loses_nothing(folder, request):
    times = request.config.getoption("--kills")
    interrupted = survive_kills(folder, times, longest=3.0, seed=times)
    assert interrupted > 0 or times < 5, "no kill ever met a job at work"


def test_events_tell_of_a_job_from_the_queue_to_its_end(folder):
    studio = Studio(folder)
    assert studio.call("GET", "/api/events")[0] == 406
    request = urllib.request.Request(studio.address + "/api/events", headers={"Accept": "text/event-stream"})
    with urllib.request.urlopen(request, timeout=60) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        job_id = studio.json("POST", "/api/jobs", body())["id"]
        states, previews, fractions = [], set(), []
        while "completed" not in states:
            line = stream.readline().decode()
            if line.startswith("data: {") and job_id in line and '"state"' in line:
                job = json.loads(line[6:])
                states.append(job["state"])
                fractions.append(job["progress"]["fraction"])
                previews |= set(job["previews"])
    assert states == sorted(states, key=["queued", "running", "completed"].index)
    assert fractions == sorted(fractions)
    assert len(previews) == 4
    status, content = studio.call("GET", f"/api/jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
    assert (status, content.count(b"event: job")) == (200, 1), "the stream of a finished job tells it and ends"
    ranged, part = studio.call("GET", f"/api/jobs/{job_id}/files/mp4?inline=1", headers={"Range": "bytes=0-99"})
    assert (ranged, len(part)) == (206, 100)
    assert studio.stop() == 0
    assert "Traceback" not in studio.log()


def test_help_is_there_at_once_and_names_every_flag():
    ran = subprocess.run([sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    flags = "host port model ckpt gpu max-concurrent cache-dir offload-t5 offload-vae offload-transformer-during-vae"
    for flag in flags.split():
        assert f"--{flag}" in ran.stdout
        assert f"--{flag.replace('-', '_')}" in ran.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ckpt", "nowhere.ckpt", "--model", "tiny"], "tiny model takes no checkpoint"),
        (["--gpu", "7"], "cuda:7 was asked for"),
        (["--gpu", "0,x"], "no list of numbers"),
        (["--max_concurrent", "0"], "range"),
    ],
)
def test_faults_of_the_command_line_are_told_in_words(tmp_path, options, words):
    command = [sys.executable, "app.py", "--port", "0", "--cache_dir", str(tmp_path), *options]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
