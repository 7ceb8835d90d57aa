"""An HTTP server of pictures that misbehaves on demand, as the web does."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

from PIL import Image

Answer = Callable[["Handler"], None]


def picture(colour: str, width: int = 40) -> bytes:
    data = BytesIO()
    Image.new("RGB", (width, max(30, (width + 1) // 2)), colour).save(data, "PNG")
    return data.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "WebServer"

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def do_GET(self) -> None:
        self.server.note(self)
        answer = self.server.answers.get(self.path.partition("?")[0])
        if answer is None:
            self.send_error(404)
        else:
            with suppress(ConnectionError):
                answer(self)

    def body(self, data: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class WebServer(ThreadingHTTPServer):
    """Serves `answers`, by path, while it is entered. `asked` counts requests, `headers` has the last one's of each."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.stopping = threading.Event()
        self.connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> "WebServer":
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def note(self, request: Handler) -> None:
        with self._lock:
            self.asked[request.path] += 1
            self.headers[request.path] = dict(request.headers)

    def handle_error(self, *_: object) -> None:
        pass

    def show(self, path: str, data: bytes, **headers: str) -> str:
        """A picture, with validators if they are given: asked for conditionally, it answers 304."""

        def answer(request: Handler) -> None:
            asked = (request.headers["If-None-Match"], request.headers["If-Modified-Since"])
            if any(value is not None and value in headers.values() for value in asked):
                request.body(b"", 304)
            else:
                request.body(data, **headers)

        return self.on(path, answer)

    def on(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return self.url + path

    def status(self, path: str, status: int, **headers: str) -> str:
        return self.on(path, lambda request: request.body(b"", status, **headers))

    def redirect(self, path: str, target: str) -> str:
        return self.status(path, 302, Location=target)

    def cut(self, path: str, data: bytes, times: int) -> str:
        """Half of it is sent and the connection closed, so many times; then all of it."""

        def answer(request: Handler) -> None:
            if self.asked[path] > times:
                request.body(data)
                return
            request.body(data[: len(data) // 2], length=len(data))
            request.wfile.flush()
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)

        return self.on(path, answer)

    def stall(self, path: str) -> str:
        return self.on(path, lambda request: self.stopping.wait(30) and None)

    def drip_head(self, path: str) -> str:
        """The head of the answer, a byte now and then, without end."""

        def answer(request: Handler) -> None:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            while not self.stopping.is_set():
                request.wfile.write(b"x")
                time.sleep(0.02)

        return self.on(path, answer)

    def flood(self, path: str, size: int, *, told: bool) -> str:
        """So many bytes, with their number in the head or without. `sent[path]` counts them."""

        def answer(request: Handler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(size)) if told else request.send_header("Connection", "close")
            request.end_headers()
            request.close_connection = True
            for _ in range(size // 2**16):
                request.wfile.write(bytes(2**16))
                self.sent[path] += 2**16

        self.sent: Counter[str] = Counter()
        return self.on(path, answer)
