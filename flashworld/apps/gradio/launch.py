"""Starts the page, and keeps its folder tidy."""

import os
import signal
import threading
from typing import Any, NoReturn

import gradio as gr
from starlette.middleware import Middleware

from flashworld.apps.gradio.folder import OwnFolder
from flashworld.apps.gradio.gate import Gate
from flashworld.apps.gradio.settings import Settings
from flashworld.apps.gradio.shelf import Shelf

MOST_UPLOAD = "64mb"
"""As large as a picture may be; see `flashworld.request.picture`."""

MOST_SESSIONS = 1000
"""Open pages that Gradio remembers; a page of ours takes some 0.1 MB."""

TIDY_SECONDS = 15.0


def run(blocks: gr.Blocks, style: dict[str, Any], settings: Settings, shelf: Shelf, folder: OwnFolder) -> NoReturn:
    """Serve the page until the program is told to end, by Ctrl+C or by a signal; then end it.

    It answers where GRADIO_SERVER_NAME says: everywhere on a Space, on this machine only where nothing is said.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_keep_tidy, args=(shelf,), daemon=True, name="tidy").start()
    blocks.launch(
        server_port=settings.port,
        share=settings.share,
        max_file_size=MOST_UPLOAD,
        ssr_mode=False,
        state_session_capacity=MOST_SESSIONS,
        app_kwargs={"middleware": [Middleware(Gate)]},
        **style,
    )
    folder.remove()
    os._exit(0)  # threads in the midst of a scene, which nobody will see, would hold up the end until it is made


def _keep_tidy(shelf: Shelf) -> None:
    pause = threading.Event()
    while not pause.wait(TIDY_SECONDS):
        shelf.tidy()
