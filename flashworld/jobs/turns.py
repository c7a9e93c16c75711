"""`Turns`: few at once, some more who wait, and for all others a refusal instead of a queue without end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flashworld.jobs.job import BusyError


class Turns:
    """Shares out something heavy, such as memory or a processor, among the threads that answer.

    Threads that wait answer nobody else, so there have to be fewer of them than threads.
    """

    def __init__(self, at_once: int, waiting: int, seconds: float):
        """Let `at_once` in, `waiting` more wait, each at most `seconds`."""
        self._inside = threading.BoundedSemaphore(at_once)
        self._present = threading.BoundedSemaphore(at_once + waiting)
        self._seconds = seconds

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Do the block when there is room.

        Raises:
            BusyError: There is none, or none in time.
        """
        if not self._present.acquire(blocking=False):
            raise BusyError("The server has too much of this to do at present; try again in some seconds.")
        try:
            if not self._inside.acquire(timeout=self._seconds):
                raise BusyError("The server was too busy to do this in time; try again in some seconds.")
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._present.release()
