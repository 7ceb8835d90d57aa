"""The command `status`: what is in a library."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from core.availability.recall import Recall
from core.bootstrap import Container
from core.commands.hints import render_hint, render_message
from core.commands.options import data_option, json_option, open_container
from core.commands.output import finish
from core.domain.filtering.filters import (
    CAPTIONED,
    FAILED,
    INCOMPLETE,
    INDEXED,
    UNCAPTIONED,
    UNREAD,
    WITH_TEXT,
    Filter,
)
from core.errors import BucketLensError
from core.errors.hints import BuildMirror
from core.ports.vector_index import SearchableIndex
from core.search.relevance_scale import describe_calibration
from core.settings import Settings
from core.text.sanitize import printable

_ALL_SOURCES = 1_000_000
_COUNTED = {
    "images": INDEXED,
    "failed": FAILED,
    "incomplete": INCOMPLETE,
    "captioned": CAPTIONED,
    "pending_captions": UNCAPTIONED,
    "with_text": WITH_TEXT,
    "pending_text": UNREAD,
}


@click.command()
@data_option
@json_option
def status(data: Path | None, as_json: bool) -> None:
    """Tell what is in the library: pictures, captions, failures, sources, model, size."""
    with open_container(data=data) as container:
        found = _gather(container)
        finish(found, _lines(found, container.settings, reads_text=container.has_text_reader), as_json=as_json)


def _gather(container: Container) -> dict[str, Any]:
    index = container.index
    counts, sources, bytes_ = index.gather([_count_all, _count_sources, lambda index: index.size_bytes()])
    last = container.files.last_run.latest()
    return {
        **counts,
        "sources": sources,
        "last_complete_run": None if last is None else last.isoformat(),
        "model": index.info.model,
        "strength": describe_calibration(index.info.model, counts["images"]),
        "fingerprint": index.info.fingerprint,
        "backend": index.backend,
        "mirror": _summarize_mirror(container),
        "recall": _read_recall(container, index.info.fingerprint),
        "bytes_on_disk": bytes_ + container.files.estimate_thumbnails(),
    }


def _count_all(index: SearchableIndex) -> dict[str, int]:
    counts = index.gather([partial(_count, filter) for filter in _COUNTED.values()])
    return dict(zip(_COUNTED, counts, strict=True))


def _count(filter: Filter, index: SearchableIndex) -> int:
    return index.count(filter)


def _count_sources(index: SearchableIndex) -> list[dict[str, Any]]:
    images, failed = index.gather([partial(_facet_sources, filter) for filter in (INDEXED, FAILED)])
    return [
        {"source": source, "images": images.get(source, 0), "failed": failed.get(source, 0)}
        for source in sorted(images.keys() | failed.keys())
    ]


def _facet_sources(filter: Filter, index: SearchableIndex) -> dict[str, int]:
    return dict(index.facet("source", filter, limit=_ALL_SOURCES))


def _summarize_mirror(container: Container) -> dict[str, Any] | None:
    """Return None where there is no mirror, and its problem alone where it cannot be opened."""
    if not container.mirrors.exists():
        return None
    try:
        state = container.mirrors.describe()
    except BucketLensError as error:
        return {"problem": render_message(error)}
    return asdict(state.summary) | {"as_of": state.as_of.isoformat(), "problem": state.problem}


def _read_recall(container: Container, fingerprint: str) -> dict[str, Any] | None:
    """Return the recall of the page's last searches with this model, or None where none was compared."""
    measured_with, samples = container.files.recall_log.read()
    found = Recall.of(samples)
    if found is None or measured_with != fingerprint:
        return None
    warning = container.settings.recall.warning
    return asdict(found) | {"warning": warning, "low": found.is_low(warning)}


def _lines(found: dict[str, Any], settings: Settings, *, reads_text: bool) -> Iterator[str]:
    images, pending, failed = found["images"], found["pending_captions"], found["failed"]
    yield f"{images:,} pictures can be searched" + (f", {pending:,} wait for a caption" if pending else "")
    if unread := found["pending_text"] if reads_text else 0:
        yield f"text found in {found['with_text']:,}; {unread:,} not looked at yet (`bucketlens read-text` does)"
    elif found["with_text"]:
        yield f"text found in {found['with_text']:,}"
    if found["incomplete"]:
        yield f"of these, {found['incomplete']:,} incomplete (`bucketlens search --incomplete` lists them)"
    if failed:
        yield f"{failed:,} failed (`bucketlens failures` lists them)"
    for entry in found["sources"]:
        in_all = f"{entry['images']:,} pictures" + (f", {entry['failed']:,} failed" if entry["failed"] else "")
        yield f"  {printable(entry['source'])}: {in_all}"
    yield f"last complete run: {found['last_complete_run'] or 'none yet'}"
    place = f" {settings.qdrant.url}" if settings.qdrant.url else ""
    yield f"model {printable(found['model'])}, index {found['backend']}{place}"
    yield f"strength of matches: {printable(found['strength'])}"
    yield _describe_mirror(found["mirror"])
    if found["recall"]:
        yield _describe_recall(found["recall"])
    yield f"{found['bytes_on_disk'] / 1e6:,.1f} MB in {printable(str(settings.data))}"


def _describe_mirror(mirror: dict[str, Any] | None) -> str:
    if mirror is None:
        return "no mirror answers while the library cannot (`bucketlens mirror build` makes one)"
    if "points" not in mirror:
        return f"its mirror cannot be used: {printable(mirror['problem'])}"
    remark = f"; {printable(mirror['problem'])}; {render_hint(BuildMirror())}" if mirror["problem"] else ""
    return f"mirror of {mirror['points']:,} entries as of {mirror['as_of'][:19]}{remark}"


def _describe_recall(recall: dict[str, Any]) -> str:
    line = f"recall@10 {recall['mean']:.3f} in the last {recall['count']:,} searches of the page that were compared"
    if recall["low"]:
        line += f": under {recall['warning']:g}; the setting `search.exact` has the mirror rerank what is found"
    return line
