"""A tiny HTTP server that answers as a test says, for what moto cannot: odd keys, refusals, other stores' habits."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Asked:
    """`path` is the percent-decoded path behind the bucket, "" for the bucket itself."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def s3_stub(answer: Callable[[Asked], Answer], *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server that answers every request with what `answer` returns, over TLS where that is given."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            target, _, query = self.path.partition("?")
            path = unquote(target.lstrip("/").partition("/")[2])
            asked = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
            given = answer(Asked(self.command, path, asked, {k.lower(): v for k, v in self.headers.items()}))
            self.send_response(given.status)
            for name, value in {"Content-Length": str(len(given.body)), **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(given.body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def refusal(status: int, code: str, message: str = "no", **details: str) -> Answer:
    more = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in details.items())
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{more}</Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


def listing(keys: Mapping[str, bytes], following: str | None = None) -> Answer:
    """A page of ListObjectsV2, keys url-encoded as S3 does when asked to."""
    more = "<IsTruncated>false</IsTruncated>"
    if following is not None:
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
    entries = "".join(
        f"<Contents><Key>{quote(key)}</Key><LastModified>2026-03-01T12:00:00.000Z</LastModified>"
        f"<ETag>&quot;{etag(data)}&quot;</ETag><Size>{len(data)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for key, data in keys.items()
    )
    return Answer(body=f"<ListBucketResult><EncodingType>url</EncodingType>{more}{entries}</ListBucketResult>".encode())


def etag(data: bytes) -> str:
    return f"{len(data)}-{data[:8].hex()}"


class Bucket:
    """A bucket of the stub: lists and gets what `keys` holds, and remembers what was asked."""

    def __init__(self, keys: Mapping[str, bytes], *, page: int = 1000) -> None:
        self.keys = dict(keys)
        self.asked: list[Asked] = []
        self._page = page

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if asked.path:
            data = self.keys.get(asked.path)
            headers = {"ETag": f'"{etag(data)}"', "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT"} if data else {}
            return refusal(404, "NoSuchKey") if data is None else Answer(body=data, headers=headers)
        start = int(asked.query.get("continuation-token", "0"))
        names = [key for key in self.keys if key.startswith(asked.query.get("prefix", ""))]
        page = {key: self.keys[key] for key in names[start : start + self._page]}
        return listing(page, str(start + self._page) if start + self._page < len(names) else None)
