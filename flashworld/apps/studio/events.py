"""Server-sent events: what changes, told while it happens. Who cannot have a stream asks `GET /api/jobs` instead."""

import time
from collections.abc import Callable, Iterator
from threading import BoundedSemaphore

from flask import Blueprint, Response, abort, request

from flashworld.apps.studio.answers import event_text
from flashworld.jobs import Workshop
from flashworld.jobs.news import Listener, Message

HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How often a stream looks whether anyone is still there."""
MAX_STREAMS = 32
"""Open at once. Each holds a thread of the server's, which has as many again for answers."""


def blueprint(workshop: Workshop) -> Blueprint:
    """The routes."""
    routes = Blueprint("events", __name__)
    free = BoundedSemaphore(MAX_STREAMS)

    @routes.get("/api/events")
    def all_jobs() -> Response:
        def first() -> list[Message]:
            active = workshop.status([*workshop.running(), *workshop.queued()])
            waiting = [status for status in active if status.position]
            queue = Message("queue", (waiting, len(active) - len(waiting)))
            return [*(Message("job", status) for status in active), queue]

        return _stream(workshop, free, first, lambda _: True, lambda _: False)

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

        return _stream(workshop, free, first, of_it, ends)

    return routes


def _stream(
    workshop: Workshop,
    free: BoundedSemaphore,
    first: Callable[[], list[Message]],
    wanted: Callable[[Message], bool],
    ends: Callable[[Message], bool],
) -> Response:
    """A stream of the messages that are wanted, until one that ends it."""
    # Only who asks for a stream gets one: a program that reads answers to their end would wait for ever.
    if "text/event-stream" not in request.headers.get("Accept", ""):
        abort(406, "This is a stream of events: ask for it with 'Accept: text/event-stream', or poll /api/jobs.")
    if not free.acquire(blocking=False):
        abort(503, "Too many streams are open: poll /api/jobs instead.")
    listener = workshop.listen()

    def leave() -> None:
        workshop.leave(listener)
        free.release()

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
