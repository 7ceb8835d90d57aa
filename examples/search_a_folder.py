"""Index a folder of pictures, then search it by words, with a filter, and by picture.

    python examples/search_a_folder.py ~/Pictures "a dog on the beach"

The first run fetches the default models; `--model demo --captioner demo` uses those that are shipped. Run it again
whenever the folder has changed: only what is new is read.
"""

import argparse
import subprocess
import sys

from bucketlens import Library


def ingest(folder: str, data: str, model: str | None, captioner: str | None) -> None:
    """Make the library in `data` equal to the folder. Raises CalledProcessError."""
    command = [sys.executable, "-m", "bucketlens", "ingest", folder, "--data", data]
    if model:
        command += ["--model", model]
    if captioner:
        command += ["--captioner", captioner]
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Index a folder of pictures, then search it.")
    parser.add_argument("folder")
    parser.add_argument("text", help="what to look for")
    parser.add_argument("--data", default="./data", help="where the library is kept")
    parser.add_argument("--model", help="the model that encodes, if not the default")
    parser.add_argument("--captioner", help="the model that writes captions, if not the default")
    options = parser.parse_args()

    ingest(options.folder, options.data, options.model, options.captioner)
    with Library.open(options.data) as library:
        print(f"{len(library):,} pictures can be found")

        by_words = library.search(options.text, limit=5)
        print(f"by words ({by_words.result.verdict} matches):")
        for hit in by_words:
            print(f"  {hit.strength or 0:.2f}  {hit.record.uri}  {hit.record.caption or ''}")

        print("by words, upright pictures alone:")
        for hit in library.search(options.text, filter={"orientation": "portrait"}, limit=5):
            print(f"  {hit.strength or 0:.2f}  {hit.record.uri}")

        if len(by_words):
            print("like the first one:")
            for hit in library.search(like=by_words[0].record.id, limit=5):
                print(f"  {hit.strength or 0:.2f}  {hit.record.uri}")


if __name__ == "__main__":
    main()
