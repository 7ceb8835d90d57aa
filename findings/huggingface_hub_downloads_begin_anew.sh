#!/usr/bin/env bash
# huggingface_hub 2.4.0 keeps nothing of a file that did not come whole: a download that ends with an error, or is
# killed, begins anew with its first byte. Earlier versions went on where they had ended, from `BLOB.incomplete`.
# Nor does it compare what came with the hash that the hub's listing has: other bytes of the right size are taken.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
cat >"$folder/try.py" <<'PYTHON'
import hashlib, json, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA, COMMIT = bytes(range(256)) * 400_000, "c" * 40  # 102 MB
DIGEST = hashlib.sha256(DATA).hexdigest()
state = {"cut": True, "ranges": [], "wrong": False}


class Hub(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        asked = self.headers.get("Range")
        start = int(asked[6:].split("-")[0]) if asked else 0
        if state["cut"] and start:
            self.send_error(403)  # the hub goes away after the first part
            return
        self.send_response(206 if asked else 200)
        headers = {"ETag": f'"{DIGEST}"', "X-Repo-Commit": COMMIT, "X-Linked-ETag": f'"{DIGEST}"'}
        for name, value in (headers | {"Content-Length": str(len(DATA) - start)}).items():
            self.send_header(name, value)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        self.end_headers()
        if not body:
            return
        state["ranges"].append(start)
        data = DATA[:-1] + b"!" if state["wrong"] else DATA
        try:
            self.wfile.write(data[start : 60_000_000 if state["cut"] else len(data)])
        except OSError:
            pass

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ |= {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
os.environ |= {"HF_HUB_CACHE": sys.argv[1], "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
from huggingface_hub import hf_hub_download
from huggingface_hub.utils import logging

logging.set_verbosity_error()
try:
    hf_hub_download("a/b", "model.safetensors", revision=COMMIT)
except Exception as error:
    print("first download:", type(error).__name__)
kept = sum(path.stat().st_size for path in Path(sys.argv[1]).rglob("*") if path.is_file() and path.stat().st_size > 1000)
print("bytes kept:", kept)
state.update(cut=False, ranges=[])
hf_hub_download("a/b", "model.safetensors", revision=COMMIT)
print("second download begins at:", state["ranges"])
state.update(wrong=True)
path = hf_hub_download("a/b", "other.safetensors", revision=COMMIT, force_download=True)
print("other bytes are taken:", hashlib.sha256(Path(path).read_bytes()).hexdigest() != DIGEST)
PYTHON
"$folder/venv/bin/python" "$folder/try.py" "$folder/cache" >"$folder/seen"
diff "$folder/seen" - <<'SEEN'
first download: HfHubHTTPError
bytes kept: 0
second download begins at: [0]
other bytes are taken: True
SEEN
