"""Starts the page, and keeps its folder tidy."""

import signal
import threading
from typing import Any

import gradio as gr

from flashworld.apps.gradio.settings import Settings
from flashworld.apps.gradio.shelf import Shelf

MOST_UPLOAD = "64mb"
"""As large as a picture may be; see `flashworld.request.picture`."""

TIDY_SECONDS = 60.0


def run(blocks: gr.Blocks, style: dict[str, Any], settings: Settings, shelf: Shelf) -> None:
    """Serve the page until the program is told to end."""
    # A service is ended by a signal that would leave no time to clean up; let it be as Ctrl+C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_keep_tidy, args=(shelf,), daemon=True, name="tidy").start()
    blocks.launch(
        server_name="0.0.0.0",
        server_port=settings.port,
        share=settings.share,
        max_file_size=MOST_UPLOAD,
        ssr_mode=False,
        **style,
    )


def _keep_tidy(shelf: Shelf) -> None:
    pause = threading.Event()
    while not pause.wait(TIDY_SECONDS):
        shelf.tidy()
