"""Clients that read nothing or send too much: their connections end, and meanwhile they hold nobody up."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, request
from studio_setup import until
from waitress.channel import HTTPChannel
from waitress.server import create_server

from flashworld.apps.studio import watchman
from flashworld.apps.studio.sending import send
from flashworld.apps.studio.watchman import Watchman


@contextmanager
def served(app: Callable[..., Any], **options: Any) -> Iterator[tuple[str, int]]:
    """Where an application listens that a watchman guards."""
    dispatchers: dict[int, Any] = {}
    server = create_server(app, dispatchers, host="127.0.0.1", port=0, **options)
    guard = Watchman(dispatchers)
    guard.start()
    threading.Thread(target=server.run, daemon=True).start()
    yield "127.0.0.1", getattr(server, "effective_port", 0)
    guard.stop()
    server.task_dispatcher.shutdown()
    server.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(watchman, "LOOK_SECONDS", 0.05)


def get(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def test_a_stream_that_nobody_reads_ends(monkeypatch):
    monkeypatch.setattr(watchman, "UNREAD_SECONDS", 0.5)
    ended = threading.Event()

    def endless(_: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        start("200 OK", [])
        try:
            while True:
                yield bytes(100_000)
        finally:
            ended.set()

    with served(endless) as address, socket.create_connection(address) as client:
        client.sendall(get("/"))
        assert ended.wait(60)


def channel_with_something_to_read() -> HTTPChannel:
    channel = object.__new__(HTTPChannel)
    channel.total_outbufs_len, channel.last_activity = 1000, 0.0
    return channel


def test_a_client_that_reads_now_and_then_is_left_alone():
    """It has something to read all the time, and takes some of it before its patience is over."""
    reader, sleeper = channel_with_something_to_read(), channel_with_something_to_read()
    guard = Watchman({})
    half = watchman.UNREAD_SECONDS / 2
    for tick in range(1, 8):
        reader.last_activity = tick * half
        ended = guard._unread([reader, sleeper], tick * half)
        assert ended == ([sleeper] if (tick - 1) * half > watchman.UNREAD_SECONDS else [])


def test_a_client_that_takes_no_file_holds_no_thread(tmp_path):
    size = 50_000_000
    (tmp_path / "scene.ply").write_bytes(bytes(size - 4) + b"tail")
    app = Flask(__name__)
    app.get("/file", endpoint="file")(lambda: send(tmp_path / "scene.ply", "application/octet-stream"))
    app.get("/health", endpoint="health")(lambda: "well")
    with served(app, threads=1) as address:
        slow = [socket.create_connection(address) for _ in range(3)]
        for client in slow:
            client.sendall(get("/file", "Range: bytes=10-49000000\r\n"))
        with socket.create_connection(address, timeout=60) as client:
            client.sendall(get("/health", "Connection: close\r\n"))
            assert client.makefile("rb").read().endswith(b"well")
            client.close()
        with socket.create_connection(address, timeout=60) as client:
            client.sendall(get("/file", f"Range: bytes={size - 6}-{size - 2}\r\nConnection: close\r\n"))
            head, _, content = client.makefile("rb").read().partition(b"\r\n\r\n")
        assert b"206" in head
        assert content == b"\0\0tai"
        for client in slow:
            client.close()


def test_bodies_that_arrive_together_are_bounded(monkeypatch):
    monkeypatch.setattr(watchman, "ARRIVING_BYTES", 3_000_000)
    app = Flask(__name__)
    app.post("/")(lambda: str(len(request.get_data())))

    def still_there(client: socket.socket) -> bool:
        try:
            client.sendall(b"x")
        except OSError:
            return False
        return True

    with served(app) as address:
        clients = [socket.create_connection(address) for _ in range(3)]
        for number, client in enumerate(clients, start=1):
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
            client.sendall(bytes(number * 700_000))
        until(lambda: not still_there(clients[2]))
        assert all(map(still_there, clients[:2])), "the largest alone was too much"
        for client in clients:
            client.close()
