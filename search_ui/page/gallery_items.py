"""Hits as items of the gallery component: JSON of plain text, never markup."""

from datetime import datetime, tzinfo
from typing import Any

from core.domain.image import ImageRecord
from core.domain.result import Hit
from core.text.inflections import drop_hidden_lemmas
from core.text.sanitize import plain

STRENGTH = "How well it matches, from 0 to 1: some match from 0.5, a strong one from 0.8. It is no percentage."
COSINE = "Cosine of question and picture, from -1 to 1. It is no percentage."
CAPTION_COSINE = "Cosine of caption and picture, from -1 to 1. It is no percentage."


def make_card(hit: Hit, zone: tzinfo) -> dict[str, Any]:
    """Make the JSON object of a hit that gallery.js shows; times are in `zone`."""
    record = hit.record
    return {
        "id": record.id,
        "thumbnail": f"/thumbnails/{record.id}.jpg",
        "original": f"/originals/{record.id}",
        "download": f"/downloads/{record.id}",
        "name": plain(record.name),
        "caption": plain(record.caption or ""),
        "words": [plain(word) for word in drop_hidden_lemmas(record.words)],
        "width": record.width,
        "height": record.height,
        "copies": hit.copies,
        "hash": record.content_hash,
        "score": None if hit.score is None else round(hit.score, 4),
        "strength": None if hit.strength is None else round(hit.strength, 2),
        "facts": [
            [name, plain(value), note]
            for name, value, note in [*list_facts(record, hit.score, zone, hit.copies), *_list_strength(hit)]
        ],
    }


def list_facts(record: ImageRecord, score: float | None, zone: tzinfo, copies: int = 1) -> list[tuple[str, str, str]]:
    """List what a person may want to know of an image, as rows of (name, value, remark)."""
    rows = [("File", record.name, ""), ("Address", record.uri, "")]
    size = f"{record.width:,} × {record.height:,} pixels, " if record.width and record.height else ""
    rows.append(("Size", size + format_size(record.bytes), ""))
    if record.framing == "tiles":
        rows.append(("Compared by", "the mean of several squares, for it is longer than 2 : 1", ""))
    if copies > 1:
        rows.append(("Copies", f"{copies:,} files of the same bytes", ""))
    if record.taken_at is not None:
        rows.append(("Taken", _format_time(record.taken_at, zone), ""))
    rows.append(("Changed", _format_time(record.modified_at, zone), ""))
    rows.append(("Indexed", _format_time(record.indexed_at, zone), ""))
    if record.caption_origin is not None:
        by = "a person" if record.caption_origin == "human" else f"the model {record.captioner or 'of this library'}"
        rows.append(("Caption by", by, ""))
        rows.extend(("Also", text, "") for text in record.texts[1:])
    if record.caption_score is not None:
        rows.append(("Caption fits", f"{record.caption_score:.4f}", CAPTION_COSINE))
    if score is not None:
        rows.append(("Score", f"{score:.4f}", COSINE))
    return rows


def _list_strength(hit: Hit) -> list[tuple[str, str, str]]:
    return [] if hit.strength is None else [("Strength", f"{hit.strength:.2f}", STRENGTH)]


def format_size(count: int) -> str:
    """Format a number of bytes in decimal units, as file managers do."""
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _format_time(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%d %B %Y, %H:%M").lstrip("0")
