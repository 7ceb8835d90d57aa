"""The only importer of RapidOCR: text in pictures, read by the PP-OCR models that its wheel ships."""

import hashlib
import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.local.process import count_cores
from core.domain.text_lines import TextLine
from core.errors import PackageMissing
from core.ports.text_reader import TextReading

try:
    import cv2
    import rapidocr
except ImportError as error:
    raise PackageMissing("rapidocr", "reading text in pictures", "ocr") from error

from core.adapters.text_reading.line_recognizer import Crop, LineRecognizer, Recognition
from core.adapters.text_reading.line_rules import LineRules, Verdict
from core.adapters.text_reading.reading_order import order_lines
from core.adapters.text_reading.script_probe import ScriptProbe

log = logging.getLogger(__name__)

_RULES = 1  # counted up when the same pictures would give other lines
_LONGEST_PX = 2560  # letters are read from this
_DETECTED_PX = 1600  # and found in this
_SHORTEST_PX = 736  # smaller pictures are enlarged to this: lines of 10 px in photographs are found then only
_ENLARGED = 2.0
_LONGEST_RATIO = 8  # longer pictures are padded to it
_LEAST_PX = 8  # of a picture's shorter side, below which no letter fits
_TALL = 1.5  # height by width of a line that is turned by 90 degrees
_MOST_LINES = 1000
_SURE_TURN = 0.9  # of the direction model, before a line is turned
_SURE = 0.8  # a line with less is read the other way round too
_WELL = 0.9  # lines with as much tell the common direction
_LEAD = 0.1  # which the direction that the lines of a picture have in common is given


class RapidReader:
    """PP-OCRv6 small on ONNX Runtime: Latin letters with their accents, Chinese and Japanese.

    It runs on the CPU, and takes about 550 MiB.
    """

    name = "PP-OCRv6 small"
    longest_px = _LONGEST_PX

    def __init__(self, threads: int | None = None) -> None:
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        threads = threads or count_cores()
        params = {
            "Global.log_level": "error",
            "Global.use_preprocess_img": False,
            "Global.use_vertical_padding": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": 1 << 16,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
        # One engine each: an engine keeps what a call asked for, and calls of several threads would mix it up.
        self._detector, self._direction = (rapidocr.RapidOCR(params=params) for _ in range(2))
        models = sorted(Path(rapidocr.__file__).parent.glob("models/*.onnx"))
        self._recognizer = LineRecognizer(next(path for path in models if "_rec_" in path.name), threads)
        self._rules = LineRules(ScriptProbe())
        digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in models))
        self.fingerprint = f"rapidocr {version('rapidocr')} {digest.hexdigest()[:12]} rules {_RULES}"

    def read(self, picture: NDArray[np.uint8]) -> TextReading:
        """Read a picture: (H, W, 3) uint8 RGB, upright."""
        height, width = picture.shape[:2]
        if min(height, width) < _LEAST_PX:
            return TextReading((), 0)
        page = _padded(np.ascontiguousarray(picture[:, :, ::-1]))  # BGR, as RapidOCR's models were trained
        boxes = self._detect(page)
        corners, read = self._recognize(page, boxes)
        verdicts = self._rules.judge(read)
        kept = [index for index, verdict in enumerate(verdicts) if verdict is Verdict.KEEP]
        kept = [kept[index] for index in order_lines([corners[index] for index in kept])]
        size = np.array((width, height), dtype=np.float64)
        lines = tuple(
            TextLine.from_json(
                {
                    "text": read[index].text.strip(),
                    "box": (corners[index] / size).clip(0, 1).round(4).ravel().tolist(),
                    "score": round(read[index].score, 4),
                }
            )
            for index in kept
        )
        return TextReading(lines, sum(verdict is Verdict.FOREIGN for verdict in verdicts))

    def _detect(self, page: Crop) -> NDArray[np.float32]:
        """Find lines: (N, 4, 2) float32, x and y of corners in pixels of the page, from the top left clockwise."""
        height, width = page.shape[:2]
        scale = min(_DETECTED_PX / max(height, width), max(1.0, min(_ENLARGED, _SHORTEST_PX / min(height, width))))
        size = tuple(max(32, round(side * scale / 32) * 32) for side in (width, height))
        resized = cv2.resize(page, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        found: Any = self._detector(resized, use_det=True, use_cls=False, use_rec=False)
        if getattr(found, "boxes", None) is None:
            return np.zeros((0, 4, 2), np.float32)
        boxes = np.asarray(found.boxes[:_MOST_LINES], dtype=np.float32)
        return boxes * np.array((width / size[0], height / size[1]), np.float32)

    def _recognize(self, page: Crop, boxes: NDArray[np.float32]) -> tuple[list[NDArray[np.float64]], list[Recognition]]:
        """Recognise the lines in boxes, and turn their corners so that the first is where the text begins.

        A line that cannot be read well, or runs another way than most, is tried in other directions too.
        """
        turns = [self._guess_turn(page, box) for box in boxes]
        read = self._recognizer.recognize([_cut_out(page, box, turn) for box, turn in zip(boxes, turns, strict=True)])
        common = _common_turn(turns, read)
        tries = [
            (index, turn)
            for index, box in enumerate(boxes)
            for turn in _other_turns(box, turns[index], common, read[index].score)
        ]
        again = self._recognizer.recognize([_cut_out(page, boxes[index], turn) for index, turn in tries])
        for (index, turn), line in zip(tries, again, strict=True):
            lead = _LEAD * ((turns[index] == common) - (turn == common))
            if line.score > read[index].score + lead:
                read[index], turns[index] = line, turn
        return [np.roll(box.astype(np.float64), -turn, axis=0) for box, turn in zip(boxes, turns, strict=True)], read

    def _guess_turn(self, page: Crop, box: NDArray[np.float32]) -> int:
        """Guess by how many quarter turns clockwise a line is turned: by its shape, and by the direction model."""
        width, height = _sides(box)
        turn = int(height >= _TALL * width)
        found: Any = self._direction(_cut_out(page, box, turn), use_det=False, use_cls=True, use_rec=False)
        label, score = found.cls_res[0]
        return turn + 2 if label == "180" and score > _SURE_TURN else turn


def _padded(page: Crop) -> Crop:
    """Pad a long picture with its own edge, to the right or below, so that it is not over `_LONGEST_RATIO`."""
    height, width = page.shape[:2]
    least = -(-max(height, width) // _LONGEST_RATIO)
    below, right = max(0, least - height), max(0, least - width)
    if not below and not right:
        return page
    return cv2.copyMakeBorder(page, 0, below, 0, right, cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _sides(box: NDArray[np.float32]) -> tuple[float, float]:
    """Return width and height of a box, in pixels."""
    width = max(np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[2] - box[3]))
    height = max(np.linalg.norm(box[3] - box[0]), np.linalg.norm(box[2] - box[1]))
    return float(width), float(height)


def _common_turn(turns: Sequence[int], read: Sequence[Recognition]) -> int:
    """Return the turn that most letters of what was read well have in common."""
    letters = [0] * 4
    for turn, line in zip(turns, read, strict=True):
        letters[turn] += len(line.letters) if line.score >= _WELL else 0
    return letters.index(max(letters))


def _other_turns(box: NDArray[np.float32], turn: int, common: int, score: float) -> set[int]:
    """Return the turns in which a line is to be read once more."""
    width, height = _sides(box)
    square = 1 / _TALL < height / max(width, 1) < _TALL
    others = {(turn + 2) % 4} if score < _SURE else set()
    if common != turn and (square or (common - turn) % 2 == 0):
        others.add(common)
    return others


def _cut_out(page: Crop, box: NDArray[np.float32], turn: int) -> Crop:
    """Cut a box out of the page, straightened, and turned back by so many quarter turns."""
    corners = np.roll(box, -turn, axis=0)
    width, height = (max(4, round(side)) for side in _sides(corners))
    target = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    return cv2.warpPerspective(  # type: ignore[return-value]
        page, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def load_text_reader(device: str) -> RapidReader:
    """Load the reader. It computes on the CPU whatever the device.

    Raises PackageMissing for a rapidocr that ships other models than those of which letters are judged here.
    """
    del device
    try:
        return RapidReader()
    except Exception as error:  # of ONNX Runtime and of rapidocr, of every kind: none may pass this line unmapped
        log.warning("reader of text does not load error=%s: %s", type(error).__name__, error)
        raise PackageMissing("rapidocr==3.10.*", "reading text in pictures", "ocr") from error
