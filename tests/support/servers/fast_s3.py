"""A store that answers faster than any client asks, in a process of its own, so that the client is what is measured.

Every object has the same bytes and the same ETag; the listing is one page.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ETAG = '"0123456789abcdef0123456789abcdef"'
MODIFIED = "Sun, 01 Mar 2026 12:00:00 GMT"
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class FastS3:
    endpoint: str
    keys: tuple[str, ...]


@contextmanager
def fast_s3(size: int, count: int) -> Iterator[FastS3]:
    """A running store whose bucket, of any name, has `count` objects of `size` bytes."""
    command = [sys.executable, "-m", "tests.support.servers.fast_s3", str(size), str(count)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield FastS3(f"http://127.0.0.1:{int(server.stdout.readline())}", name_keys(count))
        finally:
            server.kill()


def name_keys(count: int) -> tuple[str, ...]:
    return tuple(f"photos/2026/{n // 100:04d}/IMG_{n:06d}.jpg" for n in range(count))


def _answer(body: bytes, kind: str) -> bytes:
    headers = f"Content-Length: {len(body)}\r\nContent-Type: {kind}\r\nETag: {ETAG}\r\nLast-Modified: {MODIFIED}\r\n"
    return f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode() + body


def _listing(size: int, count: int) -> bytes:
    entries = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-03-01T12:00:00.000Z</LastModified>"
        f"<ETag>{ETAG.replace(chr(34), '&quot;')}</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass>"
        "</Contents>"
        for key in name_keys(count)
    )
    root = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    page = f"<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><KeyCount>{count}</KeyCount>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{root}{page}{entries}</ListBucketResult>'.encode()


async def _serve(size: int, count: int) -> None:
    body, listing = _answer(bytes(size), "image/jpeg"), _answer(_listing(size, count), "application/xml")

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self._transport = transport
            self._asked = b""

        def data_received(self, data: bytes) -> None:
            *requests, self._asked = (self._asked + data).split(b"\r\n\r\n")
            for request in requests:
                self._transport.write(listing if b"list-type=2" in request.partition(b"\r\n")[0] else body)

    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
