"""Hits as items of the gallery component: JSON of plain text, never markup."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ImageRecord, describe_share
from core.domain.result import Hit
from core.rendering.text_match import find_matched_lines, format_matched_lines
from core.text.inflections import drop_hidden_lemmas
from core.text.sanitize import plain

STRENGTH = "How well it matches, from 0 to 1: some match from 0.5, a strong one from 0.8. It is no percentage."
COSINE = "Cosine of question and picture, from -1 to 1. It is no percentage."
CAPTION_COSINE = "Cosine of caption and picture, from -1 to 1. It is no percentage."


def make_card(hit: Hit, zone: tzinfo, filter: Filter = EVERYTHING) -> dict[str, Any]:
    """Make the JSON object of a hit that gallery.js shows; times are in `zone`.

    `filter`: that of the question, which may ask for what is written in pictures.
    """
    record = hit.record
    return {
        "id": record.id,
        "thumbnail": f"/thumbnails/{record.id}.jpg",
        "original": f"/originals/{record.id}",
        "download": f"/downloads/{record.id}",
        "name": plain(record.name),
        "caption": plain(record.caption or ""),
        "words": [plain(word) for word in drop_hidden_lemmas(record.words)],
        "read": format_matched_lines(hit, filter),
        "badges": list_badges(hit),
        "width": record.width,
        "height": record.height,
        "copies": hit.same_bytes,
        "pair": _describe_pair(record),
        "near": _near(record),
        "hash": record.content_hash,
        "score": None if hit.score is None else round(hit.score, 4),
        "strength": None if hit.strength is None else round(hit.strength, 2),
        "facts": [
            [name, plain(value), note]
            for name, value, note in [*list_facts(record, hit.score, zone, hit.same_bytes), *_list_strength(hit)]
        ],
    }


def make_text(hit: Hit, filter: Filter = EVERYTHING) -> dict[str, Any]:
    """Make the JSON object of what is written in a picture: lines with their boxes, and whether each was asked for."""
    matched = find_matched_lines(hit, filter)
    lines = [
        {"text": plain(line.text), "box": list(line.box), "matched": line in matched} for line in hit.record.text_lines
    ]
    return {"id": hit.record.id, "lines": lines, "unread": hit.record.unread_lines or 0}


def list_facts(record: ImageRecord, score: float | None, zone: tzinfo, copies: int = 1) -> list[tuple[str, str, str]]:
    """List what a person may want to know of an image, as rows of (name, value, remark)."""
    rows = [("File", record.name, ""), ("Address", record.uri, "")]
    size = f"{record.width:,} × {record.height:,} pixels, " if record.width and record.height else ""
    rows.append(("Size", size + format_size(record.bytes), ""))
    if record.framing == "tiles":
        rows.append(("Compared by", "the mean of several squares, for it is longer than 2 : 1", ""))
    if copies > 1:
        rows.append(("Copies", f"{copies:,} files of the same bytes", ""))
    if record.incomplete is not None:
        rows.append(("Incomplete", describe_share(record.incomplete), "The rest of its file is missing or damaged."))
    if record.pair is not None:
        rows.append(("JPEG of it" if record.is_raw_of_pair else "RAW of it", record.pair, ""))
    rows.extend(_list_metadata(record))
    rows.append(("Changed", _format_time(record.modified_at, zone), ""))
    rows.append(("Indexed", _format_time(record.indexed_at, zone), ""))
    if record.caption_origin is not None:
        first, *others = record.origins or (("", record.caption_origin),)
        rows.append(("Caption by", _describe_origin(first[1], record), ""))
        rows.extend(("Also", text, _describe_origin(origin, record)) for text, origin in others)
    if record.caption_score is not None:
        rows.append(("Caption fits", f"{record.caption_score:.4f}", CAPTION_COSINE))
    if score is not None:
        rows.append(("Score", f"{score:.4f}", COSINE))
    return rows


def list_badges(hit: Hit) -> list[dict[str, str]]:
    """List what a person has to know of a hit before opening it, as {text, title}."""
    share, badges = hit.record.incomplete, []
    if share is not None:
        badges.append({"text": f"{describe_share(share).partition(' of')[0]}", "title": describe_share(share)})
    if hit.raws:
        badges.append({"text": "RAW + JPEG", "title": "The same picture is there as RAW too: open it to see its name."})
    return badges


def _describe_pair(record: ImageRecord) -> dict[str, str] | None:
    """Describe the same picture as RAW or as JPEG, to be opened from this one."""
    if record.pair is None:
        return None
    kind = "JPEG" if record.is_raw_of_pair else "RAW"
    return {"id": record.pair_id or "", "label": f"Show the {kind}", "name": plain(record.pair)}


def _list_metadata(record: ImageRecord) -> Iterator[tuple[str, str, str]]:
    """List what the picture says of itself, and where from."""
    if record.taken_at is not None:
        yield "Taken", format_taken(record), f"from {record.taken_from}" if record.taken_from else ""
    if record.camera:
        yield "Camera", record.camera, ""
    if record.lens:
        yield "Lens", record.lens, ""
    place = _name_place(record)
    if record.latitude is not None and record.longitude is not None:
        position = _format_place(record.latitude, record.longitude, ", ")
        yield "Place", place or position, position if place else ""
    elif place:
        yield "Place", place, ""
    if record.rating is not None:
        yield "Rating", "★" * record.rating or "no stars", ""
    if record.keywords:
        yield "Keywords", ", ".join(record.keywords), ""
    if record.people:
        yield "People", ", ".join(record.people), ""


def format_taken(record: ImageRecord) -> str:
    """Format when it was taken by the clock there, as exactly as it is known: "July 2019"."""
    if record.taken_at is None:
        return ""
    clock = record.taken_at.astimezone(UTC)
    match record.taken_precision:
        case "year":
            return f"{clock.year}"
        case "month":
            return f"{clock:%B} {clock.year}"
        case "day":
            return f"{clock.day} {clock:%B} {clock.year}"
        case "hour":
            shown = f"about {clock:%H} o'clock"
        case "second":
            shown = f"{clock:%H:%M:%S}"
        case _:
            shown = f"{clock:%H:%M}"
    return f"{clock.day} {clock:%B} {clock.year}, {shown}{_format_offset(record)}"


def _format_offset(record: ImageRecord) -> str:
    told = record.local_taken and datetime.fromisoformat(record.local_taken)
    return f" (UTC{told.isoformat(timespec='seconds')[19:]})" if told and told.tzinfo else ""


def _name_place(record: ImageRecord) -> str:
    """Name where it was taken, from the nearest place on to the country; "" where nothing is known."""
    names = (*record.places[:1], record.city, record.region, record.country)
    return ", ".join(dict.fromkeys(name for name in names if name))


def _near(record: ImageRecord) -> str | None:
    """Make the question that finds what was taken near the image; None where its place is not known."""
    if record.latitude is None or record.longitude is None:
        return None
    return f"near:{_format_place(record.latitude, record.longitude, ',')},1km"


def _format_place(latitude: float, longitude: float, separator: str) -> str:
    """Format a place to about a metre."""
    return separator.join(f"{degrees:.5f}".rstrip("0").rstrip(".") for degrees in (latitude, longitude))


def _describe_origin(origin: str, record: ImageRecord) -> str:
    if origin == "human":
        return "a person"
    return f"the model {record.captioner or 'of this library'}" if origin == "generated" else f"its file: {origin}"


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
