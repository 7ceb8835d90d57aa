"""A small Hugging Face hub on loopback: as much of its API as fetching a model takes, with faults to order."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" * 6 + "c0ff"
LARGE = 2000  # bytes; larger files are LFS files, which the hub sends its clients elsewhere for
CHUNK = 1 << 14


@dataclass
class HubStub:
    """Repositories with one commit each, `files` by repository and path; `commits` names those that are not COMMIT.

    `cut` ends the connection after so many bytes of a path, each time that it is asked for; `cuts` says how often.
    `wrong` has other bytes sent than the listing tells of. `asked` lists method, path and range of every request.
    """

    files: dict[str, dict[str, bytes]]
    commits: dict[str, str] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, bytes] = field(default_factory=dict)
    status: int | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: dict[str, str | None] = field(default_factory=dict)
    sent: int = 0
    url: str = ""
    held: threading.Event | None = None

    def commit(self, repository: str) -> str:
        return self.commits.get(repository, COMMIT)

    def downloads(self, path: str) -> list[str]:
        """The ranges by which the bytes of a path were asked for."""
        return [asked for method, name, asked in self.asked if method == "GET" and name == path]


@contextmanager
def serving_hub(files: Mapping[str, Mapping[str, bytes]]) -> Iterator[HubStub]:
    stub = HubStub({repository: dict(paths) for repository, paths in files.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *_: object) -> None: ...

        def _answer(self, *, body: bool) -> None:
            where = unquote(urlsplit(self.path).path)
            if stub.status is not None:
                return self._json({"error": "no"}, stub.status)
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", where):
                repository = found[1]
                siblings = [{"rfilename": path} for path in stub.files.get(repository, {})]
                there = repository in stub.files
                return self._json(
                    {"id": repository, "sha": stub.commit(repository), "siblings": siblings}, 200 if there else 404
                )
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", where):
                if found[1] not in stub.files or found[2] != stub.commit(found[1]):
                    return self._json({"error": "Revision Not Found"}, 404)
                return self._json([_entry(path, data) for path, data in stub.files[found[1]].items()])
            if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", where):
                return self._resolve(found[1], found[3], body=body)
            if found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", where):
                stub.tokens[found[2]] = self.headers.get("Authorization")
                return self._send(found[2], stub.files[found[1]][found[2]], {}, body=body)
            self._json({"error": "not found"}, 404)

        def _resolve(self, repository: str, path: str, *, body: bool) -> None:
            data = stub.files[repository].get(path)
            if data is None:
                return self._json({"error": "Entry not found"}, 404)
            headers = {"X-Repo-Commit": stub.commit(repository)}
            if len(data) <= LARGE:
                return self._send(path, data, headers | {"ETag": f'"{_git_sha1(data)}"'}, body=body)
            self.send_response(302)
            elsewhere = f"http://localhost:{self.server.server_address[1]}/cdn/{repository}/{path}"
            digest = hashlib.sha256(data).hexdigest()
            linked = {"X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(len(data))}
            for name, value in (headers | linked | {"Location": elsewhere, "Content-Length": "0"}).items():
                self.send_header(name, value)
            self.end_headers()

        def _send(self, path: str, data: bytes, headers: dict[str, str], *, body: bool) -> None:
            asked = self.headers.get("Range") or ""
            stub.asked.append((self.command, path, asked))
            data = stub.wrong.get(path, data)
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0  # type: ignore[index]
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            for name, value in (headers | {"Content-Length": str(len(data) - start)}).items():
                self.send_header(name, value)
            self.end_headers()
            if not body:
                return
            end = len(data)
            if path in stub.cut and stub.cuts.get(path, 1) > 0:
                stub.cuts[path] = stub.cuts.get(path, 1) - 1
                end = min(end, start + stub.cut[path])
            for at in range(start, end, CHUNK):
                self.wfile.write(data[at : min(at + CHUNK, end)])
                stub.sent += min(at + CHUNK, end) - at
            if end < len(data):
                self.wfile.flush()
                if stub.held is not None:
                    stub.held.wait(60)
                self.close_connection = True
                self.connection.close()

        def _json(self, value: Any, status: int = 200) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        stub.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield stub
        finally:
            if stub.held is not None:
                stub.held.set()
            server.shutdown()


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": _git_sha1(data), "size": len(data), "path": path}
    if len(data) > LARGE:
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


def _git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
