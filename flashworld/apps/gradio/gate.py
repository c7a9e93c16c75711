"""What may come in by HTTP: through the doors that the page and its interfaces use, and no more than a request needs.

Gradio has more doors than a page of ours needs: around its queue, for recordings of screens, for links that keep a page
on the disk. It bounds each file of an upload but not their number, leaves what has come on the disk when the sender
goes, and shows a stack trace to whom its server fails.
"""

import logging
import re

from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

MOST_BYTES = 100_000_000
"""Of one request: as many as a picture of 64 MB has in base64, and a path beside it."""

DOORS_IN = re.compile(r"/gradio_api/(upload|queue/join|cancel|reset|(call|run|api)/[^/]+)/?")
"""Where something may be sent to; everywhere else one may only look."""

CLOSED = re.compile(r"/gradio_api/(deep_link|proxy=|file=https?:).*", re.IGNORECASE)
"""Where not even that."""


class Gate:
    """Stands before Gradio's server."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif refusal := _refusal(scope):
            await refusal(scope, receive, send)
        else:
            await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, _bounded(receive), note)
        except Exception:
            log.exception("A request failed: %s %s", scope["method"], scope["path"])
            if not begun:
                await PlainTextResponse("The server failed; try again.", 500)(scope, receive, send)


def _refusal(scope: Scope) -> PlainTextResponse | None:
    looks_only = scope["method"] in ("GET", "HEAD", "OPTIONS")
    if CLOSED.fullmatch(scope["path"]) or not (looks_only or DOORS_IN.fullmatch(scope["path"])):
        return PlainTextResponse("There is nothing here.", 404)
    said = dict(scope["headers"]).get(b"content-length", b"0")
    if not said.isdigit() or int(said) > MOST_BYTES:
        return PlainTextResponse(_too_large(), 413)
    return None


def _bounded(receive: Receive) -> Receive:
    """What is received, up to its end; whatever else happens before that is a fault of the form that is sent.

    At such a fault Gradio removes what it has stored of an upload; at other exceptions it does not.
    """
    taken, complete = 0, False

    async def bounded() -> Message:
        nonlocal taken, complete
        message = await receive()
        if message["type"] == "http.disconnect" and not complete:
            raise MultiPartException("The sender has gone.")
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            raise MultiPartException(_too_large())
        complete = complete or not message.get("more_body", False)
        return message

    return bounded


def _too_large() -> str:
    # Gradio knows by these words what to answer.
    return f"The request exceeds the maximum allowed size of {MOST_BYTES // 10**6} MB."
