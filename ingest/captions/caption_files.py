"""Caption files that people wrote, in the formats that they are published in. The content tells the format."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from core.errors import InvalidCaptionFile
from core.tables.json_records import is_json
from core.tables.sniff import sniff_kind
from core.tables.table_error import TableError
from core.text.analysis import is_unicode
from ingest.captions.caption_records import read_arrow, read_json
from ingest.captions.caption_rows import CaptionRow
from ingest.captions.caption_tables import read_table

MAX_JSON = 512 * 2**20  # bytes
MAX_CAPTION = 10_000  # characters
MAX_TEXT = 16_000  # characters in all captions of an image: an index writes many images at once
BAD_PER_MILLE = 10  # rows that may be left out; one in a shorter file of at least `_FEW` rows
_FEW = 10
_EXAMPLES = 3  # bad rows that are told one by one
_HOPELESS = 1000  # bad rows after which a file of which half is bad is read no further
TAKES = (
    "COCO captions JSON ({images: [{id, file_name}], annotations: [{image_id, caption}]}), a split of Karpathy, or "
    "another list of records in JSON or JSON Lines (such as {file_name, text}); the token file of Flickr8k (lines of "
    "name.jpg#0, a tab, a caption); CSV or TSV with a header that names its columns (such as image,caption), or of the "
    "two columns image and caption without one; or Parquet or Arrow; text in UTF-8"
)


@dataclass(slots=True)
class CaptionFile:
    """The captions of one file.

    `captions` of each name, as the file gives it, in the order of the file and none twice.
    `blank` counts captions that were empty.
    `bad_rows` of all `rows` could not be read and were left out; `bad_examples` are the first of them, with reasons.
    """

    path: Path
    captions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    blank: int = 0
    rows: int = 0
    bad_rows: int = 0
    bad_examples: list[TableError] = field(default_factory=list)


def read_captions(path: Path) -> CaptionFile:
    """Read a caption file of any format.

    A few rows that cannot be read are left out. Raises InvalidCaptionFile for more of them, or for a file that cannot
    be read: it says where in the file.
    """
    found = CaptionFile(path)
    try:
        if not path.is_file():
            _refuse(path, None, "there is no such file" if not path.exists() else "it is no file")
        for row in _read_rows(path):
            found.rows += 1
            problem = row if isinstance(row, TableError) else _add(found, row)
            if problem is not None:
                found.bad_rows += 1
                found.bad_examples += [problem] if found.bad_rows <= _EXAMPLES else []
                if found.bad_rows >= _HOPELESS and 2 * found.bad_rows > found.rows:
                    break
    except TableError as error:
        advice = f"; {error.advice}" if error.advice else ""
        _refuse(path, error.where, error.problem + advice)
    except OSError as error:
        _refuse(path, None, f"it cannot be read ({error.strerror or error})")
    if found.bad_rows > max(found.rows * BAD_PER_MILLE // 1000, int(found.rows >= _FEW)):
        first = found.bad_examples[0]
        others = f"; {found.bad_rows:,} of {found.rows:,} rows cannot be read" if found.bad_rows > 1 else ""
        _refuse(path, first.where, first.problem + others)
    if not found.captions:
        _refuse(path, None, "it holds no caption")
    return found


def check_length(path: Path, where: str, texts: tuple[str, ...]) -> None:
    """Check the length of all captions of one image. Raises InvalidCaptionFile where they are too long together."""
    if problem := _find_excess(texts):
        _refuse(path, where, problem)


def explain_bad_rows(file: CaptionFile) -> list[str]:
    """Say which rows of a file were left out, in a sentence; nothing where none were."""
    if not file.bad_rows:
        return []
    some = "; ".join(map(str, file.bad_examples)) + ("; …" if file.bad_rows > len(file.bad_examples) else "")
    return [f"{file.path}: {file.bad_rows:,} of {file.rows:,} rows cannot be read and were left out: {some}"]


class CaptionFileCache:
    """A cache of caption files; one is read again when it has changed."""

    def __init__(self) -> None:
        self._cached: dict[Path, tuple[tuple[int, int, int], CaptionFile]] = {}

    def read(self, path: Path) -> CaptionFile:
        """Read a file, or return what was read of it before. Raises InvalidCaptionFile."""
        try:
            stat = path.stat()
        except OSError:
            return read_captions(path)
        state = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if path not in self._cached or self._cached[path][0] != state:
            self._cached[path] = state, read_captions(path)
        return self._cached[path][1]


def _read_rows(path: Path) -> Iterator[CaptionRow | TableError]:
    kind = sniff_kind(path)
    if kind != "text":
        return read_arrow(path, kind)
    return read_json(path, MAX_JSON) if is_json(path) else read_table(path)


def _add(found: CaptionFile, row: CaptionRow) -> TableError | None:
    """Add the captions of a row, or return why they cannot be."""
    texts = [" ".join(text.split()) for text in row.texts]
    if not row.name:
        return TableError("the name of the image is empty", row.where)
    if any("\0" in value or not is_unicode(value) for value in (row.name, *texts)):
        return TableError("it holds a NUL or half a character, which no text has", row.where)
    longest = max(map(len, texts), default=0)
    if longest > MAX_CAPTION:
        return TableError(f"the caption has {longest:,} characters, and {MAX_CAPTION:,} is the most", row.where)
    filled = [text for text in texts if text]
    every = tuple(dict.fromkeys((*found.captions.get(row.name, ()), *filled)))
    if problem := _find_excess(every):
        return TableError(problem, row.where)
    found.blank += len(texts) - len(filled)
    if every:
        found.captions[row.name] = every
    return None


def _find_excess(texts: tuple[str, ...]) -> str | None:
    """Return what is wrong with captions of one image that are too long together."""
    length = sum(map(len, texts))
    if length <= MAX_TEXT:
        return None
    return f"the captions of this image have {length:,} characters, and {MAX_TEXT:,} is the most"


def _refuse(path: Path, where: str | None, problem: str) -> NoReturn:
    raise InvalidCaptionFile(path, where, problem, TAKES)
