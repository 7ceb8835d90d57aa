"""Search results as self-contained HTML: pictures as data URLs, no script, nothing to fetch."""

import base64
from collections.abc import Callable
from html import escape

from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.result import Hit, SearchResult
from core.rendering.text_match import format_matched_lines
from core.text.sanitize import plain

_GRID = "display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:14px"
_PICTURE = "width:100%;height:160px;object-fit:contain;background:rgba(128,128,128,.12);border-radius:6px"
_FAINT = "opacity:.65;font-size:85%;overflow-wrap:anywhere"


def html_grid(result: SearchResult, thumbnail: Callable[[Hit], bytes | None], filter: Filter = EVERYTHING) -> str:
    """Render the hits as a grid. Captions and names of files are escaped.

    `thumbnail` gives the JPEG of a hit, or None. `filter`: that of the query, which may ask for text.
    """
    shown = sum(hit.copies for hit in result.hits)
    head = f"{shown:,} of {result.total:,} pictures" if result.hits else "Nothing found"
    if result.hits and result.verdict is not None:
        head += ": " + ", ".join(result.headline)
    notes = "".join(f'<p style="margin:0 0 6px;{_FAINT}">{_escape_text(notice)}</p>' for notice in result.notices)
    cells = "".join(_render_cell(rank, hit, thumbnail(hit), filter) for rank, hit in enumerate(result.hits, 1))
    return f'<div><p style="margin:0 0 6px">{_escape_text(head)}</p>{notes}<div style="{_GRID}">{cells}</div></div>'


def format_label(hit: Hit) -> str:
    """Format what ranks a hit, for people: its strength, and how many copies it stands for."""
    strength = [] if hit.strength is None else [f"strength {hit.strength:.2f}"]
    return " · ".join([*strength, *([f"{hit.copies} copies"] if hit.copies > 1 else [])])


def _render_cell(rank: int, hit: Hit, jpeg: bytes | None, filter: Filter) -> str:
    caption = _escape_text(hit.record.caption or "")
    picture = f'<div style="{_PICTURE}"></div>'
    if jpeg is not None:
        data = base64.b64encode(jpeg).decode("ascii")
        picture = f'<img src="data:image/jpeg;base64,{data}" alt="{caption}" style="{_PICTURE}">'
    heading = " · ".join(part for part in (str(rank), format_label(hit)) if part)
    caption_line = f"<div>{caption}</div>" if caption else ""
    if written := format_matched_lines(hit, filter):
        caption_line += f'<div style="{_FAINT}">text: {_escape_text(written)}</div>'
    name_line = f'<div style="{_FAINT}" title="{_escape_text(hit.record.uri)}">{_escape_text(hit.record.name)}</div>'
    return f'<div>{picture}<div style="{_FAINT}">{_escape_text(heading)}</div>{caption_line}{name_line}</div>'


def _escape_text(text: str) -> str:
    return escape(plain(text))
