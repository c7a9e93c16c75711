"""`serve`: the studio on a port, in one process, so that its death leaves nothing behind."""

import signal
from collections.abc import Callable
from typing import Any

from flask import Flask
from waitress.server import create_server

from flashworld.apps.studio.events import MAX_STREAMS
from flashworld.apps.studio.watchman import Watchman
from flashworld.errors import BackendError
from flashworld.request.parsing import MAX_REQUEST_BYTES

ANSWER_THREADS = 80
"""For answers, beside one for each stream of events; more than may wait in all `Turns` together."""


def serve(app: Flask, host: str, port: int, ready: Callable[[int], Any], ending: Callable[[], Any]) -> None:
    """Answer until the process is asked to end (Ctrl-C, SIGTERM).

    Args:
        app: What answers.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        ready: Called with the port once requests are accepted.
        ending: Called before the last answers are waited for; it has to end all streams.

    Raises:
        BackendError: The port cannot be had.
    """
    dispatchers: dict[int, Any] = {}
    try:
        server = create_server(
            app,
            dispatchers,
            host=host,
            port=port,
            threads=ANSWER_THREADS + MAX_STREAMS,
            connection_limit=500,
            # A little above the application's own limit, which refuses in words.
            max_request_body_size=MAX_REQUEST_BYTES + 1_000_000,
            channel_timeout=60,
            # A buffer that was sent is let go only when the next one is begun, and a stream goes on for hours.
            outbuf_high_watermark=1 << 18,
            # Lets streams notice that nobody listens any more.
            channel_request_lookahead=1,
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
    except OSError as error:
        raise BackendError(
            f"Port {port} of {host} cannot be had ({(error.strerror or str(error)).lower()}): choose another --port."
        ) from error

    def end(*_: Any) -> None:
        ending()
        raise SystemExit(0)

    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, end)
    # Pyright sees the union of what listens on one address and on several; the latter, for a name, has no one port.
    ready(getattr(server, "effective_port", port))
    watchman = Watchman(dispatchers)
    watchman.start()
    server.run()
    watchman.stop()
