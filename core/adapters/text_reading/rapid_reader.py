"""The only importer of RapidOCR: text in pictures, read by the PP-OCR models that its wheel ships."""

import hashlib
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.text_lines import TextLine
from core.errors import PackageMissing
from core.ports.text_reader import TextReading

try:
    import rapidocr
except ImportError as error:
    raise PackageMissing("rapidocr", "reading text in pictures", "ocr") from error

_RULES = 1  # counted up when the same pictures would give other lines
_LONGEST_PX = 2000
_MIN_SCORE = 0.8


class RapidReader:
    """PP-OCRv6 small on ONNX Runtime: Latin letters with their accents, Chinese and Japanese."""

    name = "PP-OCRv6 small"
    longest_px = _LONGEST_PX

    def __init__(self) -> None:
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        self._engine = rapidocr.RapidOCR(params={"Global.log_level": "error"})
        models = sorted(Path(rapidocr.__file__).parent.glob("models/*.onnx"))
        digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in models))
        self.fingerprint = f"rapidocr {version('rapidocr')} {digest.hexdigest()[:12]} rules {_RULES}"

    def read(self, picture: NDArray[np.uint8]) -> TextReading:
        """Read a picture: (H, W, 3) uint8 RGB, upright."""
        height, width = picture.shape[:2]
        if min(height, width) < 8 or max(height, width) > 50 * min(height, width):
            return TextReading((), 0)
        found: Any = self._engine(np.ascontiguousarray(picture[:, :, ::-1]))
        if found.txts is None:
            return TextReading((), 0)
        lines = []
        for text, corners, score in zip(found.txts, found.boxes, found.scores, strict=True):
            if score >= _MIN_SCORE:
                shares = (np.asarray(corners, dtype=float) / (width, height)).clip(0, 1).round(4).ravel().tolist()
                lines.append(TextLine.from_json({"text": text, "box": shares, "score": score}))
        return TextReading(tuple(lines), 0)


def load_text_reader(device: str) -> RapidReader:
    """Load the reader. It computes on the CPU whatever the device."""
    del device
    return RapidReader()
