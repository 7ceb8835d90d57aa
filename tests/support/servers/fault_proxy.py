"""A TCP proxy in front of an HTTP server that counts requests, and fails on demand as networks and servers do."""

import random
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

_SLOW_DOWN = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, until it is set otherwise.

    `refuse`: connections are closed at once. `hole`: nothing is ever answered. `delay`: seconds before each answer.
    `cut`: the answer about an object breaks off after so many bytes of its body. `slow_down`: the share of requests
    that gets 503. `status`: what is answered about a key that contains `only`. `only` limits `cut` too.
    """

    refuse: bool = False
    hole: bool = False
    delay: float = 0.0
    cut: int | None = None
    slow_down: float = 0.0
    status: int | None = None
    only: str = ""


class FaultProxy:
    """Listens on a port of its own while it is entered. `requests` counts what came, by method and kind of path.

    `most_delayed`: how many requests waited for their answer at once.
    """

    def __init__(self, upstream: str, seed: int = 1) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.gets: Counter[str] = Counter()
        self.refused = self.most_delayed = self._delayed = 0
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def set(self, **faults: object) -> None:
        """These faults from now on, and no others; connections that hang are let go."""
        self.faults = replace(Faults(), **faults)
        if not self.faults.hole:
            with self._lock:
                stuck, self._open = self._open, set()
            for connection in stuck:
                _reset(connection)

    def forget(self) -> None:
        self.requests.clear()
        self.gets.clear()

    def __enter__(self) -> "FaultProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.faults.refuse:
                    self.refused += 1
                    _reset(client)
                else:
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One request a connection."""
        with suppress(OSError):
            head, body = _head(client)
            if not head:
                client.close()
                return
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            body += _rest(client, head, len(body))
            faults, is_object = self.faults, self._count(method, target)
            if faults.hole:
                with self._lock:
                    self._open.add(client)
                return
            self._wait(faults.delay)
            with client:
                if self._chance.random() < faults.slow_down:
                    client.sendall(_answer(503, _SLOW_DOWN))
                elif faults.status and is_object and faults.only in target:
                    client.sendall(_answer(faults.status, b""))
                else:
                    cut = faults.cut if is_object and faults.only in target else None
                    self._forward(client, head, body, cut)

    def _wait(self, delay: float) -> None:
        with self._lock:
            self._delayed += 1
            self.most_delayed = max(self.most_delayed, self._delayed)
        time.sleep(delay)
        with self._lock:
            self._delayed -= 1

    def _count(self, method: str, target: str) -> bool:
        path, _, query = target.partition("?")
        is_object = bool(path.strip("/").partition("/")[2])
        kind = "object" if is_object else ("versions" if "versions" in query else "list")
        with self._lock:
            self.requests[f"{method} {kind}"] += 1
            if is_object and method == "GET":
                self.gets[path] += 1
        return is_object

    def _forward(self, client: socket.socket, head: bytes, sent_along: bytes, cut: int | None) -> None:
        with socket.create_connection(self._upstream, timeout=60) as server:
            server.sendall(head + b"\r\nConnection: close\r\n\r\n" + sent_along)
            answer = b""
            while b"\r\n\r\n" not in answer and (part := server.recv(65536)):
                answer += part
            top, _, body = answer.partition(b"\r\n\r\n")
            client.sendall(_closing(top))
            sent, ended = 0, False
            while not ended:
                allowed = body if cut is None else body[: max(0, cut - sent)]
                client.sendall(allowed)
                sent += len(body)
                if cut is not None and sent > cut:
                    _reset(client)
                    return
                body = server.recv(65536)
                ended = not body


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    """The request up to the empty line, and what has come of its body."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = client.recv(65536)
        if not part:
            return b"", b""
        head += part
    head, _, body = head.partition(b"\r\n\r\n")
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")), body


def _rest(client: socket.socket, head: bytes, had: int) -> bytes:
    """What is still to come of the body that the head tells of."""
    told = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = int(told[0].partition(b":")[2]) - had if told else 0
    body = b""
    while len(body) < missing and (part := client.recv(65536)):
        body += part
    return body


def _closing(top: bytes) -> bytes:
    lines = [line for line in top.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def _answer(status: int, body: bytes) -> bytes:
    top = f"HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return f"{top}Connection: close\r\n\r\n".encode() + body


def _reset(connection: socket.socket) -> None:
    """Close with RST, as a peer that is gone does."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
