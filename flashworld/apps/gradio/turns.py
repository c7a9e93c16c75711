"""Who may use the model: one scene at a time, in the order of asking."""

import threading
from collections import deque


class Turns:
    """A line before the model. Whoever stands in it may leave at any time, also from its middle."""

    def __init__(self):
        self._line: deque[object] = deque()
        self._moved = threading.Condition()

    def ask(self) -> object:
        """A place at the end of the line, which is to be given back to `leave`."""
        place = object()
        with self._moved:
            self._line.append(place)
        return place

    def comes(self, place: object, seconds: float) -> bool:
        """Whether a place is the first, or becomes so within some seconds."""
        with self._moved:
            return self._moved.wait_for(lambda: self._line[0] is place, seconds)

    def leave(self, place: object) -> None:
        """Let the next one come."""
        with self._moved:
            self._line.remove(place)
            self._moved.notify_all()
