"""The studio as a process: started, watched, killed at any moment, started again."""

import errno
import json
import random
import re
import socket
import sqlite3
import sys
import time
import urllib.request

import pytest
from programs import ran
from studio_process import ROOT, Studio
from studio_setup import body, until

from flashworld.formats import inspect

pytestmark = pytest.mark.slow


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
        elif job["state"] == "interrupted":  # what waits or runs may have moved on since it was listed
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
        with Studio(folder) as studio:  # its end is the kill
            states = check_nothing_is_lost(studio, folder, ids)
            for job_id in (job_id for job_id, state in states.items() if state == "interrupted"):
                interrupted += 1
                assert studio.json("POST", f"/api/jobs/{job_id}/requeue")["state"] == "queued"
            for job_id, finished_at in completed.items():
                job = studio.json("GET", f"/api/jobs/{job_id}")
                assert (job["state"], job["finished_at"]) == ("completed", finished_at), "completed once, never again"
            ids += [studio.json("POST", "/api/jobs", body())["id"] for _ in range(2)]
            time.sleep(source.uniform(0, longest))
            done = [studio.json("GET", f"/api/jobs/{job_id}") for job_id in ids]
            completed |= {job["id"]: job["finished_at"] for job in done if job["state"] == "completed"}
    with Studio(folder) as studio:
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


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """One that is asked to end when all tests are done, and does so in order."""
    with Studio(tmp_path_factory.mktemp("studio") / "data") as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.log()


def test_events_tell_of_a_job_from_the_queue_to_its_end(studio):
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
    assert previews
    status, content = studio.call("GET", f"/api/jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
    assert (status, content.count(b"event: job")) == (200, 1), "the stream of a finished job tells it and ends"
    ranged, part = studio.call("GET", f"/api/jobs/{job_id}/files/mp4?inline=1", headers={"Range": "bytes=0-99"})
    assert (ranged, len(part)) == (206, 100)


RAW = [
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"y" * 400_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 400_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{}",
    b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n{}",
    b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    b"POST /generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST /generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /generate HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
]


def answered(studio: Studio, sent: bytes) -> bytes:
    """What comes back; nothing where the server ends the connection before all is sent, as it may."""
    host, port = studio.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").read(100_000)
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EPIPE, errno.ECONNRESET):
                raise
            return b""


@pytest.mark.parametrize("sent", RAW, ids=lambda sent: repr(sent)[:40])
def test_bytes_that_are_no_request_of_ours(studio, sent):
    answer = answered(studio, sent)
    statuses = re.findall(rb"HTTP/1\.[01] (\d)\d\d", answer)
    # 501 is waitress's answer to a way of sending that it does not know.
    assert set(statuses) <= {b"1", b"2", b"4"} or b" 501 " in answer
    assert b"Traceback" not in answer
    assert b"root:" not in answer
    assert studio.json("GET", "/api/health")["ok"]


def test_help_is_there_at_once_and_names_every_flag():
    told = ran([sys.executable, "app.py", "--help"], 240, cwd=ROOT).stdout
    flags = "host port model ckpt gpu max-concurrent cache-dir offload-t5 offload-vae offload-transformer-during-vae"
    for flag in flags.split():
        assert f"--{flag}" in told
        assert f"--{flag.replace('-', '_')}" in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ckpt", "nowhere.ckpt", "--model", "tiny"], "tiny model takes no checkpoint"),
        (["--gpu", "7"], "cuda:7 was asked for"),
        (["--gpu", "0,x"], "no list of numbers"),
        (["--max_concurrent", "0"], "range"),
        (["--cors", "https://example.org/"], "no origin"),
        (["--cors", "example.org"], "no origin"),
        (["--cors", "*", "--cors", "https://Example.org"], "no origin"),
    ],
)
def test_faults_of_the_command_line_are_told_in_words(tmp_path, options, words):
    command = [sys.executable, "app.py", "--port", "0", "--cache_dir", str(tmp_path), *options]
    ended = ran(command, 240, cwd=ROOT)
    assert ended.returncode != 0
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
