"""Carries captions into a library that is made anew for another model."""

from collections.abc import Iterator
from dataclasses import replace

from core.domain.filtering.conditions import Match, Missing
from core.domain.filtering.filters import CAPTIONED, SEEN, Filter
from core.domain.image import ImageRecord
from core.domain.text_lines import UNREADABLE
from core.ports.vector_index import TextUpdate, VectorIndex
from ingest.pipeline.caption_updates import CaptionTexts, caption_updates
from ingest.pipeline.run_context import RunContext, retry_while_busy, scroll_while_busy
from ingest.telemetry.report import Progress, Report

_ENCODED = 256  # captions between two looks at `stop`
_READ = SEEN & Filter(none=(Missing("text_reader"), Match("text_reader", (UNREADABLE,))))


def carry_captions(old: VectorIndex, context: RunContext, report: Report) -> Iterator[Progress]:
    """Give the images of the run's index the captions of the old one, in vectors of the run's encoder.

    What a captioner wrote is carried where the bytes are those that it saw. Done again, it writes nothing twice.
    """
    total, done, carried = retry_while_busy(old.count, CAPTIONED), 0, 0
    for page in scroll_while_busy(old, CAPTIONED, page_size=_ENCODED):
        if context.stop.is_set():
            break
        there = retry_while_busy(context.index.fetch, [record.id for record in page])
        both = ((record, there[record.id]) for record in page if record.id in there)
        caption_texts = [texts for record, new in both if (texts := _find_missing_texts(record, new)) is not None]
        if caption_texts:
            retry_while_busy(context.index.set_captions, caption_updates(context.index, context.encoder, caption_texts))
        carried += len(caption_texts)
        done += len(page)
        yield Progress("human_captions", done, total, report)
    report.captioned += carried
    if carried and not context.stop.is_set():
        context.run_interruptible(context.index.optimize)


def carry_texts(old: VectorIndex, context: RunContext, report: Report) -> Iterator[Progress]:
    """Give the images of the run's index the text that was read in the same bytes. Done again, it writes nothing."""
    total, done = retry_while_busy(old.count, _READ), 0
    for page in scroll_while_busy(old, _READ, page_size=_ENCODED):
        if context.stop.is_set():
            return
        there = retry_while_busy(context.index.fetch, [record.id for record in page])
        updates = [
            TextUpdate(record.id, record.text_lines, record.text_reader, record.unread_lines or 0)
            for record in page
            if record.text_reader and record.id in there and _lacks_text_of(record, there[record.id])
        ]
        if updates:
            retry_while_busy(context.index.set_texts, updates)
        done += len(page)
        yield Progress("text", done, total, report)


def _lacks_text_of(old: ImageRecord, new: ImageRecord) -> bool:
    same = new.status == "indexed" and new.content_hash == old.content_hash
    return same and (new.text_reader, new.text_lines) != (old.text_reader, old.text_lines)


def _find_missing_texts(old: ImageRecord, new: ImageRecord) -> CaptionTexts | None:
    """Return the captions that the new record lacks, or None."""
    carried = replace(CaptionTexts.of(old), record=new)
    if old.content_hash != new.content_hash:
        carried = replace(carried, generated=None)
    if carried.generated is None:
        carried = replace(carried, captioner=None)
    if new.status != "indexed" or not (carried.human or carried.generated is not None):
        return None
    known = CaptionTexts.of(new)
    return None if new.caption_origin is not None and set(known.texts) == set(carried.texts) else carried
