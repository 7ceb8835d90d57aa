"""A small S3 store over real HTTP, with a switch for everything that some store answers otherwise than Amazon's."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_MODIFIED = datetime(2026, 3, 1, 12, 0, 0, 345_000, tzinfo=UTC)
_random = count(1)

Spelling = Callable[[str], str | None]
"""From the hexadecimal digest of an object to its ETag as it is spelled; None where none is told."""

SPELLINGS: dict[str, Spelling] = {
    "quoted": lambda digest: f'"{digest}"',
    "bare": lambda digest: digest,
    "weak": lambda digest: f'W/"{digest}"',
    "weak and bare": lambda digest: f"W/{digest}",
    "upper case": lambda digest: f'"{digest.upper()}"',
    "escaped twice": lambda digest: f"&quot;{digest}&quot;",
    "-gzip": lambda digest: f'"{digest}-gzip"',
    "--gzip": lambda digest: f'"{digest}--gzip"',
    ";gzip": lambda digest: f'"{digest};gzip"',
    "-gzip behind the quotes": lambda digest: f'"{digest}"-gzip',
    "-br, weak": lambda digest: f'W/"{digest}-br"',
    "another digest": lambda digest: f'"{hashlib.md5(digest.encode()).hexdigest()}"',
    "the same for all": lambda digest: '"00000000000000000000000000000000"',
    "that of no bytes": lambda digest: '"d41d8cd98f00b204e9800998ecf8427e"',
    "empty": lambda digest: '""',
    "null": lambda digest: "null",
    "none": lambda digest: None,
    "another at every look": lambda digest: f'"{next(_random):032x}"',
}

TIMES: dict[str, Callable[[datetime], str | None]] = {
    "ISO 8601": lambda time: time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z",
    "no milliseconds": lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "no zone": lambda time: time.strftime("%Y-%m-%d %H:%M:%S"),
    "HTTP": lambda time: format_datetime(time, usegmt=True),
    "seconds": lambda time: f"{time.timestamp():.0f}",
    "none": lambda time: None,
    "empty": lambda time: "",
    "no time": lambda time: "yesterday at noon",
    "year 0": lambda time: "0000-00-00T00:00:00Z",
    "year 1": lambda time: "0001-01-01T00:00:00Z",
    "another at every look": lambda time: f"20{next(_random) % 90 + 10}-05-0{next(_random) % 9 + 1}T10:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Quirks:
    """How the store answers; the defaults are Amazon's way.

    `condition`: what it does with If-Match. `heed` compares it with the ETag as GET spells it.
    `length`: how the end of a body is told; `odd` sends a Content-Length that is no number.
    `sizes`: whether the listing tells them. `odd_entries` are written into the listing as they are.
    `tokens`: how a page refers to the next. `versions`: what is answered to a listing of versions.
    `addressing`: `virtual` refuses a bucket that is named in the path. `refuse`: code, message and status of the answer
    to every listing. `clock` is the Date of every answer. `ranges`: whether a part of an object can be asked for.
    """

    listed_tag: str = "quoted"
    told_tag: str = "quoted"
    listed_time: str = "ISO 8601"
    told_time: str = "HTTP"
    condition: Literal["heed", "ignore", "always refuse", "not implemented"] = "heed"
    length: Literal["told", "chunked", "close", "odd"] = "told"
    sizes: Literal["right", "none", "no number"] = "right"
    odd_entries: str = ""
    encoded: bool = True
    tokens: Literal["right", "same", "cycle", "none", "endless"] = "right"
    versions: Literal["listed", "not implemented", "ignored"] = "listed"
    addressing: Literal["path", "virtual"] = "path"
    refuse: tuple[str, str, int] | None = None
    clock: str | None = None
    page: int = 1000
    ranges: bool = True


@dataclass(frozen=True, slots=True)
class StoredObject:
    """`encoding` is the Content-Encoding of its bytes; `tier` the class, and access tier, that it is archived in.

    `quirks` are those of this object alone, in place of the store's.
    """

    data: bytes
    encoding: str | None = None
    storage_class: str = "STANDARD"
    tier: tuple[str, str] | None = None
    modified_at: datetime = _MODIFIED
    quirks: Quirks | None = None

    @property
    def digest(self) -> str:
        return hashlib.md5(self.data).hexdigest()


@dataclass(slots=True)
class FakeS3:
    """The bucket "bucket" of the store, what was asked of it, and how it answers."""

    objects: dict[str, StoredObject]
    quirks: Quirks = Quirks()
    asked: list[str] = field(default_factory=list)
    endpoint: str = ""

    def set(self, **quirks: object) -> None:
        self.quirks = replace(self.quirks, **quirks)  # type: ignore[arg-type]

    def gets(self) -> list[str]:
        """The keys that were asked for since the last call, by GET."""
        gets = [line.partition(" ")[2] for line in self.asked if line.startswith("GET ")]
        self.asked.clear()
        return gets


@contextmanager
def fake_s3(objects: Mapping[str, bytes | StoredObject], **quirks: object) -> Iterator[FakeS3]:
    """A running store with these objects."""
    stored = {key: each if isinstance(each, StoredObject) else StoredObject(each) for key, each in objects.items()}
    store = FakeS3(stored, Quirks(**quirks))  # type: ignore[arg-type]

    class Handler(_Handler):
        fake = store

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        store.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield store
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeS3

    def do_GET(self) -> None:
        target = urlsplit(self.path)  # with a host in it, where this server is asked as a proxy
        host = target.hostname or (self.headers["Host"] or "").partition(":")[0]
        virtual = host.startswith("bucket.")
        path = unquote(target.path.removeprefix("/"))
        key = path if virtual else path.partition("/")[2]
        query = {name: values[0] for name, values in parse_qs(target.query, keep_blank_values=True).items()}
        quirks = self.fake.quirks
        if quirks.addressing == "virtual" and not virtual:
            self._refuse(403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access.")
        elif not virtual and path.partition("/")[0] != "bucket":
            self._refuse(404, "NoSuchBucket")
        elif key:
            self.fake.asked.append(f"{self.command} {key}")
            self._object(key)
        else:
            self.fake.asked.append("LIST")
            self._list(query)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None: ...

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.fake.quirks.clock or super().date_time_string(timestamp)

    def _object(self, key: str) -> None:
        found = self.fake.objects.get(key)
        if found is None:
            self._refuse(404, "NoSuchKey")
            return
        quirks = found.quirks or self.fake.quirks
        if found.tier is not None and self.command == "GET":
            storage, access = found.tier
            more = f"<StorageClass>{storage}</StorageClass>" + (f"<AccessTier>{access}</AccessTier>" if access else "")
            self._refuse(403, "InvalidObjectState", "The operation is not valid for its storage class", more)
            return
        tag = SPELLINGS[quirks.told_tag](found.digest)
        condition = self.headers["If-Match"]
        if condition is not None and self.command == "GET":
            if quirks.condition == "not implemented":
                self._refuse(501, "NotImplemented", "A header you provided implies functionality not implemented")
                return
            if quirks.condition == "always refuse" or (quirks.condition == "heed" and condition != tag):
                self._refuse(412, "PreconditionFailed")
                return
        time = TIMES[quirks.told_time](found.modified_at)
        headers = {"ETag": tag, "Last-Modified": time, "Content-Encoding": found.encoding}
        told = {name: value for name, value in headers.items() if value is not None}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        if wanted is None or not quirks.ranges:
            self._answer(200, found.data, told, length=quirks.length)
            return
        first, last, size = int(wanted[1]), min(int(wanted[2]), len(found.data) - 1), len(found.data)
        if first >= size:
            self._refuse(416, "InvalidRange")
            return
        told["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._answer(206, found.data[first : last + 1], told, length=quirks.length)

    def _list(self, query: Mapping[str, str]) -> None:
        quirks = self.fake.quirks
        versioned = "versions" in query and quirks.versions != "ignored"
        if quirks.refuse is not None:
            code, message, status = quirks.refuse
            self._refuse(status, code, message)
        elif versioned and quirks.versions == "not implemented":
            self._refuse(501, "NotImplemented", "This operation is not implemented")
        else:
            start = int(query.get("continuation-token", "0").rpartition("-")[2] or 0)
            prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
            keys = sorted(key for key in self.fake.objects if key.startswith(prefix))
            folders = ""
            if delimiter:
                names = {prefix + key.removeprefix(prefix).partition("/")[0] + "/" for key in keys if delimiter in key}
                folders = "".join(
                    f"<CommonPrefixes><Prefix>{quote(n)}</Prefix></CommonPrefixes>" for n in sorted(names)
                )
                keys = []
            size = min(quirks.page, int(query.get("max-keys", "1000")))
            page, more = keys[start : start + size], _next_page(quirks, start, start + size, len(keys))
            root = "ListVersionsResult" if versioned else "ListBucketResult"
            entries = "".join(self._entry(key, versioned=versioned) for key in page)
            encoding = "<EncodingType>url</EncodingType>" if quirks.encoded else ""
            space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
            text = f"<{root} {space}>{encoding}{more}{entries}{folders}{quirks.odd_entries}</{root}>"
            self._answer(200, text.encode(), {"Content-Type": "application/xml"})

    def _entry(self, key: str, *, versioned: bool) -> str:
        found = self.fake.objects[key]
        quirks = found.quirks or self.fake.quirks
        size = {"right": str(len(found.data)), "none": None, "no number": "many"}[quirks.sizes]
        told = {
            "Key": quote(key) if quirks.encoded else "".join(f"&#{ord(c)};" if c < " " else escape(c) for c in key),
            "LastModified": TIMES[quirks.listed_time](found.modified_at),
            "ETag": _escaped(SPELLINGS[quirks.listed_tag](found.digest)),
            "Size": size,
            "StorageClass": found.storage_class,
        } | ({"VersionId": "v1", "IsLatest": "true"} if versioned else {})
        name = "Version" if versioned else "Contents"
        return f"<{name}>{''.join(f'<{tag}>{text}</{tag}>' for tag, text in told.items() if text is not None)}</{name}>"

    def _refuse(self, status: int, code: str, message: str = "no", more: str = "") -> None:
        body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{more}</Error>"
        self._answer(status, body.encode(), {"Content-Type": "application/xml"})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str], *, length: str = "told") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length in ("told", "odd"):
            self.send_header("Content-Length", str(len(body)) if length == "told" else "many")
        if length == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        if length in ("close", "odd"):
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        for part in _chunks(body) if length == "chunked" else [body]:
            self.wfile.write(part)


def _chunks(body: bytes) -> Sequence[bytes]:
    half = max(1, len(body) // 2)
    parts = [body[start : start + half] for start in range(0, len(body), half)]
    return [*(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts), b"0\r\n\r\n"]


def _escaped(tag: str | None) -> str | None:
    return None if tag is None else escape(tag, {'"': "&quot;"})


def _next_page(quirks: Quirks, start: int, end: int, total: int) -> str:
    """What a page says of the next one."""
    token = {
        "right": str(end),
        "same": "again-0",
        "cycle": f"{'ab'[start % 2]}-{1 - start % 2}",
        "none": "",
        "endless": f"{next(_random)}-0",
    }[quirks.tokens]
    if quirks.tokens == "right" and end >= total:
        return "<IsTruncated>false</IsTruncated>"
    named = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return f"<IsTruncated>true</IsTruncated>{named}"
