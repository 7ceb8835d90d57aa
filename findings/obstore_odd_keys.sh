#!/usr/bin/env bash
# obstore 0.12.1 reads S3 by paths that it normalises. A key that ends with "/" is asked for without it, so that the
# bytes of another object come, silently. Keys with an empty, "." or ".." segment or a control character are refused,
# and one of them ends the listing of everything beside it. S3 allows them all, and stores keep them.
# Besides: options that are typed `str | None` refuse None, and without Last-Modified an object is of 1970.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1
cat >"$folder/try.py" <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

KEYS = ["a.jpg", "folder", "folder/", "folder/b.jpg", "odd//c.jpg"]


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        key = unquote(path.removeprefix("/bucket").removeprefix("/"))
        if "list-type=2" in query:
            prefix = unquote(next((part[7:] for part in query.split("&") if part.startswith("prefix=")), ""))
            entries = "".join(
                f"<Contents><Key>{escape(each)}</Key><LastModified>2026-03-01T12:00:00.000Z</LastModified>"
                f'<ETag>"e"</ETag><Size>{len(each)}</Size></Contents>'
                for each in KEYS
                if each.startswith(prefix)
            )
            body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
        else:
            body = f"the object {key!r}".encode()
        self.send_response(200)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
import obstore
from obstore.store import S3Store

store = S3Store(
    "bucket",
    endpoint=f"http://127.0.0.1:{server.server_port}",
    skip_signature=True,
    client_options={"allow_http": True},
)
print("folder/ is answered with:", bytes(obstore.get(store, "folder/").bytes()).decode())
for key in ("odd//c.jpg", "./a.jpg", "a/../b.jpg", "tab\t.jpg"):
    try:
        obstore.get(store, key)
    except Exception as error:
        print(repr(key), "is refused:", type(error).__name__)
print("listed below folder/:", [each["path"] for page in obstore.list(store, prefix="folder/") for each in page])
try:
    print([each["path"] for page in obstore.list(store) for each in page])
except Exception as error:
    print("all are listed:", type(error).__name__)
try:
    obstore.get(store, "a.jpg", options={"if_match": None})
except Exception as error:
    print("if_match None:", type(error).__name__)
print("last modified:", obstore.get(store, "a.jpg").meta["last_modified"].date())
PYTHON
"$folder/venv/bin/python" "$folder/try.py" >"$folder/seen"
diff "$folder/seen" - <<'SEEN'
folder/ is answered with: the object 'folder'
'odd//c.jpg' is refused: ValueError
'./a.jpg' is refused: ValueError
'a/../b.jpg' is refused: ValueError
'tab\t.jpg' is refused: ValueError
listed below folder/: ['folder', 'folder/b.jpg']
all are listed: InvalidPathError
if_match None: TypeError
last modified: 1970-01-01
SEEN
