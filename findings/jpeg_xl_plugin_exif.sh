#!/usr/bin/env bash
# pillow-jxl-plugin 1.3.8 does not read EXIF data that it has itself compressed: with compress_metadata=True, which puts
# them into a Brotli box as the standard allows and cjxl does, they are in the file, and not in the picture's `info`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 pillow-jxl-plugin==1.3.8
"$folder/venv/bin/python" - "$folder" >"$folder/seen" <<'PYTHON'
import sys
from pathlib import Path

import pillow_jxl  # noqa: F401
from PIL import Image

exif = Image.Exif()
exif[0x010F] = "A camera"
for compressed in (False, True):
    path = Path(sys.argv[1], f"{compressed}.jxl")
    picture = Image.new("RGB", (16, 16), "red")
    picture.save(path, use_container=True, exif=exif.tobytes(), compress_metadata=compressed)
    box = b"brob" if compressed else b"Exif"
    print(f"compressed={compressed} in_file={box in path.read_bytes()} in_info={'exif' in Image.open(path).info}")
PYTHON
diff "$folder/seen" - <<'SEEN'
compressed=False in_file=True in_info=True
compressed=True in_file=True in_info=False
SEEN
