"""Who asks, and whether anybody still waits for the answer."""

import asyncio
import os
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import gradio as gr

from flashworld.apps.gradio.serving import News
from flashworld.apps.gradio.shelf import Visitor
from flashworld.errors import Cancelled

Answer = TypeVar("Answer")
Gone = Callable[[], bool]


@dataclass
class Errand:
    """One press of Generate on the page. Stop calls it off: what waits in Gradio's queue, Gradio would still begin."""

    called_off: bool = False


def visitor_of(request: gr.Request | None) -> Visitor:
    """Who asks: one browser tab or one client, and the address that it comes from.

    On a Space that is what its proxy has added last; what stands before it came with the request.
    """
    if request is None:
        return Visitor("without a session", "")
    forwarded = str(request.headers.get("x-forwarded-for", "")) if "SPACE_ID" in os.environ else ""
    address = forwarded.rpartition(",")[2].strip() or (request.client.host if request.client else "")
    return Visitor(request.session_hash or "without a session", address)


async def while_awaited(work: Callable[[Gone], Answer]) -> Answer:
    """The result of `work`, in a thread of its own. It is given a question: has whoever asked for it gone?

    Gradio ends what it awaits when a client cancels; a plain function it would only stop to listen to.
    """
    gone = threading.Event()
    try:
        return await asyncio.to_thread(work, gone.is_set)
    finally:
        gone.set()


def until(gone: Gone, told: Generator[News, None, None]) -> Generator[News, None, None]:
    """The news of a scene, which is given up if nobody waits for it any more.

    Raises:
        Cancelled: It was given up.
    """
    with closing(told):
        for news in told:
            if gone():
                raise Cancelled("nobody waits for this scene any more")
            yield news
