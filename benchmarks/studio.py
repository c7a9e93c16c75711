"""How the studio answers under load: a burst of jobs, many open streams of events, and generation beside them.

Run `python -m benchmarks.studio`. It starts `app.py` in a process of its own, sends the burst, opens the streams, asks
for this and that until all jobs are completed, and prints the times of the answers and the memory of the server.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).parents[1]
BOUND = 0.2
"""Seconds that the median answer may take."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=50, help="submissions in the burst")
    parser.add_argument("--streams", type=int, default=30, help="open streams of events")
    parser.add_argument("--max-concurrent", type=int, default=2, help="jobs at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, address = start(Path(folder), options.max_concurrent)
        try:
            measure(address, process.pid, options.jobs, options.streams)
        finally:
            process.terminate()
            process.wait()


def start(folder: Path, max_concurrent: int) -> tuple[subprocess.Popen, str]:
    """A studio on a free port, and its address."""
    command = [sys.executable, "app.py", "--port", "0", "--model", "tiny", "--cache-dir", str(folder / "data")]
    command += ["--max-concurrent", str(max_concurrent)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"open at (http://\S+?)/\s", line):
            return process, found[1]
    raise SystemExit("The studio did not start.")


def measure(address: str, pid: int, num_jobs: int, num_streams: int) -> None:
    """The burst, the streams, the questions beside them."""
    heard: list[set[str]] = [set() for _ in range(num_streams)]
    for completed in heard:
        threading.Thread(target=listen, args=(address, completed), daemon=True).start()
    warm_up(address)
    memory = [resident(pid)]
    ids, burst = submit_all(address, num_jobs)
    print(f"{num_jobs} submissions in a burst, {num_streams} streams open")
    told("submission", burst)
    answers: list[float] = []
    while not (all_jobs := finished(address, ids)):
        paths = ("/api/health", "/api/jobs?limit=50", f"/api/jobs/{ids[-1]}", f"/task/{ids[0]}", "/status", "/")
        answers += [timed(lambda path=path: ask(address, "GET", path))[0] for path in paths]
        memory.append(resident(pid))
        time.sleep(0.1)
    told("answer beside generation", answers)
    starts = [all_jobs[job_id]["started_at"] for job_id in ids]
    print(f"order kept: {starts == sorted(starts)}")
    print(f"completed: {sum(all_jobs[job_id]['state'] == 'completed' for job_id in ids)} of {num_jobs}")
    time.sleep(1)
    print(f"streams that heard of every completion: {sum(set(ids) <= completed for completed in heard)}")
    quarter = max(1, len(memory) // 4)
    print(f"memory: {memory[0]:.0f} MB before, {median(memory[:quarter]):.0f} MB in the first quarter, "
          f"{median(memory[-quarter:]):.0f} MB in the last, {max(memory):.0f} MB at most")  # fmt: skip
    if median(burst) > BOUND or median(answers) > BOUND:
        raise SystemExit(f"The median answer took longer than {1000 * BOUND:.0f} ms.")


def submit_all(address: str, num_jobs: int) -> tuple[list[str], list[float]]:
    """Submit as fast as answers come; return ids and seconds."""
    ids, seconds = [], []
    for index in range(num_jobs):
        duration, job = timed(lambda index=index: ask(address, "POST", "/api/jobs", request(index)))
        ids.append(job["id"])
        seconds.append(duration)
    return ids, seconds


def warm_up(address: str) -> None:
    """One job, which compiles kernels where none are cached."""
    job = ask(address, "POST", "/api/jobs", request(0))
    while not finished(address, [job["id"]]):
        time.sleep(0.2)


def request(seed: int) -> dict[str, Any]:
    """A small scene along a straight path."""
    view = {"quaternion": [1, 0, 0, 0], "fx": 120, "fy": 120, "cx": 80, "cy": 64}
    cameras = [view | {"position": [0, 0, -0.1 * index]} for index in range(6)]
    return {"text_prompt": "a hall", "cameras": cameras, "resolution": [6, 128, 160], "seed": seed}


def finished(address: str, ids: list[str]) -> dict[str, dict[str, Any]]:
    """All of the jobs by id, or nothing if one is not finished yet."""
    jobs = {job["id"]: job for job in ask(address, "GET", "/api/jobs?limit=200")["jobs"]}
    return jobs if all(jobs[job_id]["finished_at"] for job_id in ids) else {}


def listen(address: str, completed: set[str]) -> None:
    """Note which jobs a stream tells to be completed."""
    wanted = urllib.request.Request(address + "/api/events", headers={"Accept": "text/event-stream"})
    try:
        with urllib.request.urlopen(wanted, timeout=600) as stream:
            for line in stream:
                if line.startswith(b"data: {") and b'"completed"' in line:
                    completed.add(json.loads(line[6:])["id"])
    except OSError:  # the studio ended
        return


def ask(address: str, method: str, path: str, sent: Any = None) -> Any:
    """The answer, as JSON if it is."""
    data = None if sent is None else json.dumps(sent).encode()
    with urllib.request.urlopen(urllib.request.Request(address + path, data, method=method), timeout=60) as answer:
        content = answer.read()
    return json.loads(content) if path != "/" else content


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that an action took, and its result."""
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def told(what: str, seconds: list[float]) -> None:
    """Print how long something took."""
    late = quantiles(seconds, n=20)[-1]
    print(f"{what}: median {1000 * median(seconds):.0f} ms, 95 % within {1000 * late:.0f} ms, "
          f"longest {1000 * max(seconds):.0f} ms, {len(seconds)} of them")  # fmt: skip


def resident(pid: int) -> float:
    """Memory that a process holds, in MB; Linux only, zero elsewhere."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1000 if found else 0.0


if __name__ == "__main__":
    main()
