"""The contact sheet: where pictures and captions stand, whatever they hold."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageFont

from core.domain.image import ImageRecord
from core.domain.result import Hit
from core.rendering import contact_sheet
from core.rendering.contact_sheet import Cell, draw_sheet, make_cells
from core.text.sanitize import plain

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (120, 90)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def hit(caption: str | None, score: float | None = 0.3123, key: str = "album/a.jpg") -> Hit:
    record = ImageRecord("i" + key, "/s", key, f"file:///s/{key}", "e", 1, NOW, NOW, "indexed", "m", caption=caption)
    return Hit(record, score)


def colours(image: Image.Image) -> set[str]:
    """Which of three strong colours appear on the sheet."""
    pixels = np.asarray(image).reshape(-1, 3).astype(int)
    wanted = {"red": (220, 20, 20), "green": (20, 160, 40), "blue": (20, 40, 220)}
    return {name for name, rgb in wanted.items() if (np.abs(pixels - rgb).max(axis=1) < 30).sum() > 500}


def test_every_picture_is_on_the_sheet() -> None:
    cells = [Cell(jpeg(rgb), str(n), "caption") for n, rgb in enumerate([(220, 20, 20), (20, 160, 40), (20, 40, 220)])]
    assert colours(draw_sheet(cells)) == {"red", "green", "blue"}


def test_rows_follow_the_number_of_pictures() -> None:
    heights = [draw_sheet([Cell(None, "1", "x")] * n, columns=4).height for n in (1, 4, 5, 8, 9)]
    assert heights[0] == heights[1] < heights[2] == heights[3] < heights[4]


@pytest.mark.parametrize("size", [(1, 1), (448, 1), (1, 448), (300, 448)])
def test_pictures_of_any_shape_stay_in_their_cell(size: tuple[int, int]) -> None:
    drawn = draw_sheet([Cell(jpeg((220, 20, 20), size), "1", "")])
    left, top, right, bottom = ImageChops.difference(drawn, draw_sheet([Cell(None, "1", "")])).getbbox() or (0, 0, 0, 0)
    assert right - left <= 256 and bottom - top <= 256
    assert max(right - left, bottom - top) == 256


@pytest.mark.parametrize("damaged", [b"", b"\xff\xd8\xff", b"not a picture", jpeg((1, 2, 3))[:200]])
def test_a_damaged_thumbnail_leaves_a_grey_field(damaged: bytes) -> None:
    assert draw_sheet([Cell(damaged, "1", "x")]).size == draw_sheet([Cell(None, "1", "x")]).size


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "word " * 200,
        "x" * 500,
        "красный зонт ночью",
        "夜の三本の赤い傘",
        "مظلة حمراء",
        "👩‍👩‍👧 \U0001f327",
        "a\x1b[31mb",
        "\ud800",
    ],
)
def test_any_caption_can_be_drawn(caption: str) -> None:
    cells = make_cells([hit(caption)], lambda _: None)
    assert draw_sheet(cells, title=caption).size == draw_sheet([Cell(None, "1", "x")], title="x").size or not caption


def test_no_line_is_wider_than_its_cell() -> None:
    font = ImageFont.load_default(17)
    for text in (
        "a pink cat left of a red chair at sea, and more than that beside it, far away",
        "x" * 300,
        "wide " * 3,
    ):
        lines = contact_sheet._wrap(text, font, 256, 3)
        assert 1 <= len(lines) <= 3
        assert all(font.getlength(line) <= 256 for line in lines)
    assert lines == ["wide wide wide"]


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    font = ImageFont.load_default(17)
    assert contact_sheet._wrap("word " * 100, font, 256, 3)[-1].endswith("…")


def test_cells_tell_rank_score_and_caption_or_name() -> None:
    cells = make_cells(
        [hit("a red car"), hit(None, None, "album/no-caption.jpg")], {"ialbum/a.jpg": b"j"}.get, first_rank=21
    )
    assert cells == [Cell(b"j", "21 · 0.312", "a red car"), Cell(None, "22", "no-caption.jpg")]


def test_nothing_found_is_a_sheet_that_says_so() -> None:
    drawn = draw_sheet([], title="unicorn")
    assert drawn.width > 200 and len(drawn.getcolors(1 << 16) or ()) > 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("\u202egpj.exe", "\ufffdgpj.exe"),
        ("\x9b31m", "\ufffd31m"),
        ("\udcff", "\ufffd"),
        ("<b>**x** :smile: $y$</b>", "<b>**x** :smile: $y$</b>"),
        ("👩‍👧 naïve 傘", "👩‍👧 naïve 傘"),
    ],
)
def test_text_of_unknown_origin_becomes_plain(text: str, shown: str) -> None:
    assert plain(text) == shown
