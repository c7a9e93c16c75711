"""Server-sent events: what changes, told while it happens. Who cannot have a stream asks `GET /api/jobs` instead."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Lock

from flask import Blueprint, Response, abort, request

from flashworld.apps.studio.answers import event_text
from flashworld.jobs import Workshop
from flashworld.jobs.news import Listener, Message

HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How often a stream looks whether anyone is still there."""
MAX_STREAMS = 48
"""Open at once. Each holds a thread of the server's, which has others for answers."""
MAX_STREAMS_PER_CLIENT = 32
"""So that nobody alone can have them all."""


class Seats:
    """Who has streams open, counted by address."""

    def __init__(self):
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    def take(self, client: str) -> bool:
        """Count one more stream of a client's, unless there are too many."""
        with self._lock:
            if self._taken.total() >= MAX_STREAMS or self._taken[client] >= MAX_STREAMS_PER_CLIENT:
                return False
            self._taken[client] += 1
            return True

    def leave(self, client: str) -> None:
        """Count one less."""
        with self._lock:
            self._taken -= Counter([client])


def blueprint(workshop: Workshop) -> Blueprint:
    """The routes."""
    routes = Blueprint("events", __name__)
    seats = Seats()

    @routes.get("/api/events")
    def all_jobs() -> Response:
        def first() -> list[Message]:
            active = workshop.status([*workshop.running(), *workshop.queued()])
            waiting = [status for status in active if status.position]
            queue = Message("queue", (waiting, len(active) - len(waiting)))
            return [*(Message("job", status) for status in active), queue]

        return _stream(workshop, seats, first, lambda _: True, lambda _: False)

    @routes.get("/api/jobs/<job_id>/events")
    def one_job(job_id: str) -> Response:
        workshop.job(job_id)

        def of_it(message: Message) -> bool:
            return (message.kind == "job" and message.content.job.id == job_id) or (
                message.kind == "removed" and message.content == job_id
            )

        def ends(message: Message) -> bool:
            return message.kind == "removed" or message.content.job.finished

        def first() -> list[Message]:
            return [Message("job", status) for status in workshop.status([workshop.job(job_id)])]

        return _stream(workshop, seats, first, of_it, ends)

    return routes


def _stream(
    workshop: Workshop,
    seats: Seats,
    first: Callable[[], list[Message]],
    wanted: Callable[[Message], bool],
    ends: Callable[[Message], bool],
) -> Response:
    """A stream of the messages that are wanted, until one that ends it."""
    # Only who asks for a stream gets one: a program that reads answers to their end would wait for ever.
    if "text/event-stream" not in request.headers.get("Accept", ""):
        abort(406, "This is a stream of events: ask for it with 'Accept: text/event-stream', or poll /api/jobs.")
    client = request.remote_addr or ""
    if not seats.take(client):
        abort(503, "Too many streams are open: poll /api/jobs instead.")
    listener = workshop.listen()

    def leave() -> None:
        workshop.leave(listener)
        seats.leave(client)

    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    try:
        # Asked after the listening began, so nothing falls in between.
        texts = _texts(listener, first(), wanted, ends, gone)
    except BaseException:
        leave()
        raise
    response = Response(texts, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
    response.call_on_close(leave)
    return response


def _texts(
    listener: Listener,
    messages: list[Message],
    wanted: Callable[[Message], bool],
    ends: Callable[[Message], bool],
    gone: Callable[[], bool],
) -> Iterator[str]:
    yield "retry: 1000\n\n"
    said = time.monotonic()
    while listener.open and not gone():
        told = [message for message in messages if wanted(message)]
        if told:
            said = time.monotonic()
            yield "".join(map(event_text, told))
        elif time.monotonic() - said > HEARTBEAT_SECONDS:
            said = time.monotonic()
            yield ": still here\n\n"
        if any(map(ends, told)):
            return
        messages = listener.fetch(LOOK_SECONDS)
