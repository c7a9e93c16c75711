"""`News`: what changed, told to everyone who listens, a few times a second."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

INTERVAL = 0.2
"""Seconds between two tellings: all changes of a job within them are told as one."""
MAX_BEHIND = 500
"""Messages that may wait for one listener. Who falls further behind is let go, and asks again."""


@dataclass(frozen=True, eq=False)
class Message:
    """A kind of news and its content. Every listener gets the same object, so what is made of it can be kept."""

    kind: str
    content: Any


class Listener:
    """One who listens: messages wait here until they are fetched."""

    def __init__(self):
        self._messages: deque[Message] = deque()
        self._ready = threading.Condition()
        self.open = True

    def put(self, messages: list[Message]) -> None:
        """Add messages."""
        with self._ready:
            self._messages.extend(messages)
            if len(self._messages) > MAX_BEHIND:
                self.open = False
            self._ready.notify()

    def fetch(self, timeout: float) -> list[Message]:
        """Every message that waits; an empty list if none comes within `timeout` seconds."""
        with self._ready:
            if not self._messages and self.open:
                self._ready.wait(timeout)
            messages = list(self._messages)
            self._messages.clear()
            return messages

    def close(self) -> None:
        """End the listening."""
        with self._ready:
            self.open = False
            self._ready.notify()


class News:
    """Gathers what changed and tells it. `describe` turns gathered ids into messages, once for all listeners."""

    def __init__(self, describe: Callable[[list[str]], list[Message]]):
        self._describe = describe
        self._listeners: set[Listener] = set()
        self._changed: dict[str, None] = {}
        self._wake = threading.Condition()
        self._open = True
        self._teller = threading.Thread(target=self._tell, name="news", daemon=True)
        self._teller.start()

    def changed(self, job_id: str) -> None:
        """Note that a job is not what it was."""
        with self._wake:
            self._changed[job_id] = None
            self._wake.notify()

    def listen(self) -> Listener:
        """A new listener, which hears all that changes from now on."""
        listener = Listener()
        with self._wake:
            self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop telling a listener."""
        with self._wake:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Tell no more, and end all listening."""
        with self._wake:
            self._open = False
            listeners = list(self._listeners)
            self._wake.notify()
        for listener in listeners:
            listener.close()
        self._teller.join()

    def _tell(self) -> None:
        for ids in self._gathered():
            with self._wake:
                listeners = list(self._listeners)
            if listeners:
                self._tell_all(listeners, ids)

    def _tell_all(self, listeners: list[Listener], ids: list[str]) -> None:
        try:
            messages = self._describe(ids)
        except Exception:  # one telling that fails must not silence all later ones
            log.exception("News of %d jobs could not be told.", len(ids))
            return
        for listener in listeners:
            listener.put(messages)

    def _gathered(self) -> Iterator[list[str]]:
        """What changed since the last time, at most every `INTERVAL` seconds, until the end."""
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._changed or not self._open)
                if not self._open:
                    return
                ids = list(self._changed)
                self._changed.clear()
            yield ids
            time.sleep(INTERVAL)
