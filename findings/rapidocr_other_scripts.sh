#!/usr/bin/env bash
# rapidocr 3.10.0 (PP-OCRv6 small) reads text of scripts that its model does not know as Latin letters that look alike,
# with scores as good as those of Latin text, and a page that is upside down from its last line to its first.
# Expected: a low score for what is not in its alphabet, and lines in the order of the text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rapidocr==3.10.0 onnxruntime==1.32.0 matplotlib
"$folder/venv/bin/python" - >"$folder/seen" <<'PYTHON'
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

font = ImageFont.truetype(str(Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf")), 28)
engine = RapidOCR(params={"Global.log_level": "error"})


def page(*lines: str) -> Image.Image:
    picture = Image.new("RGB", (640, 40 + 48 * len(lines)), "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((30, 20 + 48 * number), line, fill="black", font=font)
    return picture


read = engine(np.asarray(page("РЕСТОРАН")))
print(read.txts, read.scores[0] > 0.95)
print(engine(np.asarray(page("first line", "second line", "third line").rotate(180))).txts)
PYTHON
diff "$folder/seen" - <<'SEEN'
('PECTOPAH',) True
('third line', 'second line', 'first line')
SEEN
