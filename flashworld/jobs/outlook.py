"""When jobs will be completed, judged from what runs, what waits and the measured pace."""

import heapq
from collections.abc import Mapping, Sequence

from flashworld.jobs.job import Job
from flashworld.jobs.pace import Pace


def expected_ends(
    pace: Pace, running: Sequence[Job], fractions: Mapping[str, float], queued: Sequence[Job], workers: int
) -> dict[str, float]:
    """Seconds from now until each job is completed, by id; empty before anything was measured.

    Args:
        pace: How fast this machine is.
        running: Jobs at work.
        fractions: How much of each of these is behind.
        queued: Jobs that wait, in their order. Each goes to the worker that is free first.
        workers: How many there are.
    """
    ends: dict[str, float] = {}
    for job in running:
        seconds = pace.seconds(job.amounts)
        if seconds is None:
            return {}
        ends[job.id] = seconds * (1 - fractions.get(job.id, 0.0))
    free = [*ends.values(), *[0.0] * (workers - len(ends))]
    heapq.heapify(free)
    for job in queued:
        seconds = pace.seconds(job.amounts)
        if seconds is None:
            return {}
        ends[job.id] = heapq.heappop(free) + seconds
        heapq.heappush(free, ends[job.id])
    return ends
