"""A contact sheet: the pictures found, with rank, score and caption, on one image."""

import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.result import Hit
from core.rendering.text_match import format_matched_lines
from core.text.sanitize import plain

_CELL = 256
_GAP = 24
_TEXT = 17
_LINE = 23
_LINES = 3
_PAPER = (250, 250, 249)
_INK = (28, 25, 23)
_FAINT = (120, 113, 108)
_EMPTY = (231, 229, 228)
# Wide fonts first: names that Pillow looks up among the fonts of the system. Its own knows Latin letters only.
_FONTS = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf", "LiberationSans-Regular.ttf")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of the sheet: its JPEG, a label such as "3 · 0.312", and a caption.

    Without a JPEG, the cell is a grey field.
    """

    jpeg: bytes | None
    label: str
    caption: str


def make_cells(
    hits: Sequence[Hit], thumbnail: Callable[[str], bytes | None], first_rank: int = 1, filter: Filter = EVERYTHING
) -> list[Cell]:
    """Make a cell for every hit; the file name stands in for a missing caption.

    `thumbnail` gives the JPEG of an image by its id, or None. `filter`: that of the query, which may ask for text.
    """
    return [
        Cell(
            thumbnail(hit.record.id),
            f"{rank}" if hit.score is None else f"{rank} · {hit.score:.3f}",
            _describe(hit, filter),
        )
        for rank, hit in enumerate(hits, first_rank)
    ]


def _describe(hit: Hit, filter: Filter) -> str:
    written = format_matched_lines(hit, filter)
    return plain(hit.record.caption or hit.record.name) + (f" · text: {written}" if written else "")


def draw_sheet(cells: Sequence[Cell], title: str = "", columns: int | None = None) -> Image.Image:
    """Draw the sheet as an RGB image. By default, 3 to 6 columns make it about as wide as a page."""
    columns = columns or min(6, max(3, round(len(cells) ** 0.5)))
    columns = max(1, min(columns, len(cells)))
    rows = -(-len(cells) // columns)
    font, head = _load_font(_TEXT), _load_font(_TEXT + 8)
    width = _GAP + columns * (_CELL + _GAP)
    top = _GAP + (_LINE * 2 if title else 0)
    row_height = _CELL + _LINE * (1 + _LINES) + _GAP + 12
    sheet = Image.new("RGB", (width, top + max(rows, 1) * row_height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        _draw_text(draw, (_GAP, _GAP), _wrap(plain(title), head, width - 2 * _GAP, 1)[0], head, _INK)
    for n, cell in enumerate(cells):
        left = _GAP + n % columns * (_CELL + _GAP)
        _draw_cell(sheet, draw, cell, left, top + n // columns * row_height, font)
    if not cells:
        _draw_text(draw, (_GAP, top), "nothing found", font, _FAINT)
    return sheet


def _draw_cell(sheet: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, left: int, top: int, font: Font) -> None:
    draw.rectangle((left, top, left + _CELL - 1, top + _CELL - 1), fill=_EMPTY)
    if cell.jpeg is not None:
        picture = _load_thumbnail(cell.jpeg)
        if picture is not None:
            sheet.paste(picture, (left + (_CELL - picture.width) // 2, top + (_CELL - picture.height) // 2))
    below = top + _CELL + 8
    _draw_text(draw, (left, below), cell.label, font, _FAINT)
    for n, line in enumerate(_wrap(cell.caption, font, _CELL, _LINES), 1):
        _draw_text(draw, (left, below + n * _LINE), line, font, _INK)


def _load_thumbnail(jpeg: bytes) -> Image.Image | None:
    """Decode the thumbnail and scale it to the sheet; return None where it is damaged."""
    try:
        picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("RGB")
    except OSError:
        return None
    scale = _CELL / max(picture.size)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def _wrap(text: str, font: Font, width: int, lines: int) -> list[str]:
    """Break the text into lines of at most `width` pixels. A text that is too long ends in an ellipsis."""
    fitted: list[str] = []
    rest = " ".join(text.split())
    while rest and len(fitted) < lines:
        last = len(fitted) == lines - 1
        length = _fit_length(rest, font, width)
        if length == len(rest):
            return [*fitted, rest]
        if last:
            return [*fitted, rest[: _fit_length(rest, font, width - round(font.getlength("…")))].rstrip() + "…"]
        line = textwrap.wrap(rest, length, break_on_hyphens=False)[0]
        fitted.append(line)
        rest = rest[len(line) :].lstrip()
    return fitted or [""]


def _fit_length(text: str, font: Font, width: int) -> int:
    """Count the characters of the text that fit into `width` pixels, at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    return low


def _draw_text(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, font: Font, ink: tuple[int, int, int]
) -> None:
    draw.text(at, text, font=font, fill=ink)


def _load_font(size: int) -> Font:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
