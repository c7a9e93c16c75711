"""Kernels on several cores: threads that live for one call, so nothing is shared between callers or survives a fork."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

Job = Callable[[int], None]


class Workers:
    """The calling thread and some helpers. Kernels release Python's lock, so they run at the same time."""

    def __init__(self, helpers: ThreadPoolExecutor, size: int):
        self._helpers = helpers
        self.size = size

    def run(self, job: Job, num_jobs: int) -> None:
        """Call `job` with 0..num_jobs - 1, in any order, and wait until all are done. The first error is raised."""
        remaining = iter(range(num_jobs))

        def work() -> None:
            for index in remaining:  # each `next` is one step under Python's lock: no index is handed out twice
                job(index)

        others = [self._helpers.submit(work) for _ in range(min(self.size, num_jobs) - 1)]
        work()
        for other in others:
            other.result()


@contextmanager
def workers() -> Iterator[Workers]:
    """As many workers as `torch.get_num_threads()` says."""
    size = torch.get_num_threads()
    with ThreadPoolExecutor(max(1, size - 1), "rasteriser") as helpers:
        yield Workers(helpers, size)
