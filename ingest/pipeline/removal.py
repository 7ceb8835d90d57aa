"""Deletes from the index what is no longer in its source."""

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import unquote_to_bytes

from core.domain.file_rules import is_left_out
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import Filter
from core.domain.image import ImageRecord
from core.ports.image_store import EXCLUDED, ImageStore, Selective
from core.ports.scrolling import PAGE_SIZE
from core.ports.vector_index import VectorIndex
from ingest.pipeline.plan import Absences, IdSet, explain_refusal
from ingest.pipeline.run_context import RunContext, retry_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Report

_log = get_logger(__name__)


def sync_deletions(context: RunContext, source: str, listed: IdSet, report: Report, *, excluded: int = 0) -> None:
    """Delete the images of `source` that a complete listing lacks, unless that looks like a mistake.

    `excluded` pictures were left out by patterns.

    Sources inside it are absorbed: their images have been listed as its own, so their old names go.
    """
    gone: list[str] = []
    absences = find_absent(context.index, source, listed, lambda record: gone.append(record.id), excluded=excluded)
    delete_absent(context, absences, gone, report)


def find_absent(
    index: VectorIndex, source: str, listed: IdSet, found: Callable[[ImageRecord], object], *, excluded: int = 0
) -> Absences:
    """Count what is indexed of `source`, and of sources inside it, but was not listed.

    `found` is given each such image. `excluded` pictures were left out by patterns.
    """
    inside = tuple(name for name in indexed_sources(index) if name == source or is_inside(name, source))
    lost = held = gone = 0
    for page in _scroll_ids(index, Filter(all=(Match("source", inside),))) if inside else ():
        held += len(page)
        absent = listed.find_absent(page)
        records = list(retry_while_busy(index.fetch, absent).values()) if absent else []
        gone += len(records)
        for record in records:
            found(record)
        lost += _count_lost(index, source, listed, records)
    return Absences(source, len(listed), held, gone, lost, excluded)


def count_indexed(index: VectorIndex, source: str) -> int:
    """Count what is indexed of a source."""
    return retry_while_busy(index.count, Filter(all=(Match("source", (source,)),)))


def may_lack(index: VectorIndex, source: str, listed: IdSet, *, known: int, held: int) -> bool:
    """Whether a complete listing of `source` may lack any of the `held` images.

    `known` counts what it has of them, page by page, so an image that was listed twice may be counted twice.
    """
    return (
        known < held
        or known - listed.count_repeated() < held
        or any(is_inside(name, source) for name in indexed_sources(index))
    )


def count_excluded(store: ImageStore) -> int:
    """Count the pictures that patterns left out of the last listing."""
    return store.ignored.get(EXCLUDED, 0) if isinstance(store, Selective) else 0


def delete_absent(context: RunContext, absences: Absences, gone: Sequence[str], report: Report) -> None:
    """Delete the ids that are `gone`, or report why not."""
    reason = explain_refusal(absences, confirmed=context.options.confirm_deletes)
    if reason is not None:
        _log.info("deletions_held_back", source=absences.source, gone=len(gone), held=absences.indexed)
        report.kept += len(gone)
        report.incomplete_sources.add(absences.source)
        report.notices.append(reason)
        return
    for start in range(0, len(gone), PAGE_SIZE):
        ids = gone[start : start + PAGE_SIZE]
        retry_while_busy(context.index.delete, ids)
        context.thumbnails.delete(ids)
        report.deleted += len(ids)


def sweep_thumbnails(context: RunContext) -> None:
    """Delete the thumbnails that no indexed image has, as a run that was cut off may leave."""
    waiting: list[str] = []

    def sweep() -> None:
        there = retry_while_busy(context.index.fetch, waiting)
        orphans = [i for i in waiting if i not in there or there[i].status == "failed"]
        context.thumbnails.delete(orphans)
        _log.info("thumbnails_swept", orphans=len(orphans))
        waiting.clear()

    for image_id in context.thumbnails.ids():
        waiting.append(image_id)
        if len(waiting) == PAGE_SIZE:
            sweep()
    sweep()


def indexed_sources(index: VectorIndex) -> list[str]:
    """Return the names of all sources in the index."""
    return [source for source, _ in retry_while_busy(lambda: index.facet("source", limit=10_000))]


def is_inside(source: str, other: str) -> bool:
    """Whether everything of `source` is also of `other`.

    Names of buckets end with "/"; those of folders do not, but for the root.
    What is hidden in `other`, or rubbish by its name, is not read with it.
    """
    base = other if other.endswith("/") else other + "/"
    if source == other or not source.startswith(base):
        return False
    below = source.removeprefix(base).rstrip("/")
    decode = unquote_to_bytes if source.startswith("file:") else str.encode
    return not is_left_out(decode(below).split(b"/"), decode(base.rstrip("/").rpartition("/")[2]))


def _scroll_ids(index: VectorIndex, filter: Filter) -> Iterator[list[str]]:
    """Yield pages of the ids of all that passes, in ascending order."""
    after: str | None = None
    while page := retry_while_busy(index.ids, filter, after=after, limit=PAGE_SIZE):
        yield page
        after = page[-1]


def _count_lost(index: VectorIndex, source: str, listed: IdSet, absent: list[ImageRecord]) -> int:
    """Count those whose bytes no listed image of the source has, so that nothing else shows them."""
    shown = [record.content_hash for record in absent if record.status == "indexed"]
    hashes = tuple({each for each in shown if each is not None})
    if not hashes:
        return len(shown)
    same = Filter(all=(Match("source", (source,)), Match("content_hash", hashes)))
    found = retry_while_busy(index.scroll, same, limit=4 * PAGE_SIZE)
    missing = set(listed.find_absent(record.id for record in found))
    there = {record.content_hash for record in found if record.id not in missing}
    return sum(each not in there for each in shown)
