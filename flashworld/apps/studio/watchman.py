"""`Watchman`: ends connections that would hold the server for nothing, which waitress itself does not.

A client that reads no more keeps its stream of events, or what was made for it, for as long as it likes; many clients
that send large bodies at once fill the disk, where a body waits until it is whole.
"""

import logging
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from waitress.channel import HTTPChannel

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
UNREAD_SECONDS = 60.0
"""How long a client may take none of what waits for it."""
ARRIVING_BYTES = 2 * 10**9
"""Of all bodies that are on their way or wait to be read, together."""


class Watchman:
    """Looks through the connections of a server, those among `dispatchers`, every second until `stop`."""

    def __init__(self, dispatchers: Mapping[int, Any]):
        self._dispatchers = dispatchers
        self._waiting: dict[HTTPChannel, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchman", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            channels = [each for each in list(self._dispatchers.values()) if isinstance(each, HTTPChannel)]
            for channel in {*self._unread(channels, time.time()), *too_much(channels)}:
                log.warning("A connection is ended: its client reads nothing, or many send too much at once.")
                # The thread that serves all connections notices, and clears up.
                if (connection := channel.socket) is not None:
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)

    def _unread(self, channels: Sequence[HTTPChannel], now: float) -> list[HTTPChannel]:
        """The connections for which something has waited too long, and nothing was taken."""
        self._waiting = {each: self._waiting.get(each, now) for each in channels if each.total_outbufs_len > 0}
        taken = {each: max(since, each.last_activity) for each, since in self._waiting.items()}
        return [each for each, last in taken.items() if now - last > UNREAD_SECONDS]


def too_much(channels: Sequence[HTTPChannel]) -> list[HTTPChannel]:
    """The connections with the largest bodies on their way, so many that all others are within `ARRIVING_BYTES`."""
    arriving = {each: request.body_bytes_received for each in channels if (request := each.request) is not None}
    arrived = sum(request.body_bytes_received for each in channels for request in list(each.requests))
    excess = arrived + sum(arriving.values()) - ARRIVING_BYTES
    ended = []
    for channel in sorted(arriving, key=lambda each: arriving[each], reverse=True):
        if excess <= 0:
            break
        excess -= arriving[channel]
        ended.append(channel)
    return ended
