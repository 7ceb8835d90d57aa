"""Search a running BucketLens over HTTP, and save the thumbnails of what is found. It needs Python alone.

    bucketlens ui --data ./data
    python examples/call_the_http_api.py http://localhost:8501 "a dog on the beach" --thumbnails ./found

Where the server asks for a token (its setting `api.token`), BUCKETLENS_API_TOKEN holds it.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TIMEOUT_S = 30.0
PATIENCE_S = 120.0  # for a server that is starting, or has too much to do


def call(address: str, path: str, body: dict[str, Any] | None = None) -> bytes:
    """Return what the server answers to a POST of `body` as JSON, or to a GET without one.

    Where the server asks to come again later, do so. Raises SystemExit with what it says about any other error.
    """
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("BUCKETLENS_API_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urlopen(Request(address + path, data, headers), timeout=TIMEOUT_S) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            wait_s = error.headers.get("Retry-After")
            if wait_s is None or time.monotonic() > give_up_at:
                problem = json.loads(error.read())["error"]
                raise SystemExit(f"{problem['message']}: {problem['what_to_do']}") from error
            time.sleep(float(wait_s))


def main() -> None:
    parser = argparse.ArgumentParser(description="Search a running BucketLens over HTTP.")
    parser.add_argument("address")
    parser.add_argument("text", help="what to look for")
    parser.add_argument("--thumbnails", type=Path, help="a folder to save thumbnails in")
    options = parser.parse_args()

    query = {"terms": [{"text": options.text}], "filter": {"width": "100.."}, "limit": 5}
    result = json.loads(call(options.address, "/api/search", query))
    print(f"{result['total']:,} pictures, {result['verdict']} matches")
    for hit in result["hits"]:
        print(f"{hit['strength'] or 0:.2f}  {hit['uri']}  {hit.get('caption') or ''}")
        if options.thumbnails:
            options.thumbnails.mkdir(parents=True, exist_ok=True)
            jpeg = call(options.address, f"/api/images/{hit['id']}/thumbnail")
            (options.thumbnails / f"{hit['id']}.jpg").write_bytes(jpeg)


if __name__ == "__main__":
    main()
