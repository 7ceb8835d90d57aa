"""A library made anew for another model, beside the one that is in use: from its sources, and from its captions."""

from collections.abc import Iterator

from core.domain.filters import CAPTIONED
from core.domain.image import ImageRecord
from core.ports.vector_index import VectorIndex
from ingest.pipeline.caption_updates import Wording, caption_updates, written
from ingest.pipeline.run_context import Parts, patient_pages, patiently
from ingest.telemetry.report import Progress, Report

_ENCODED = 256  # captions between two looks at `stop`


def carry_captions(old: VectorIndex, parts: Parts, report: Report) -> Iterator[Progress]:
    """Give the images of the run's index the captions that the old one knows, in vectors of the run's encoder.

    What a captioner said goes with the bytes that it saw. Done again it writes nothing twice.
    """
    total, done, carried = patiently(old.count, CAPTIONED), 0, 0
    for page in patient_pages(old, CAPTIONED, page_size=_ENCODED):
        if parts.stop.is_set():
            break
        there = patiently(parts.index.fetch, [record.id for record in page])
        both = ((record, there[record.id]) for record in page if record.id in there)
        wordings = [wording for record, new in both if (wording := _carried(record, new)) is not None]
        if wordings:
            patiently(parts.index.set_captions, caption_updates(parts.index, parts.encoder, wordings))
        carried += len(wordings)
        done += len(page)
        yield Progress("given", done, total, report)
    report.captioned += carried
    if carried and not parts.stop.is_set():
        parts.at_once(parts.index.optimize)


def _carried(old: ImageRecord, new: ImageRecord) -> Wording | None:
    """What the new record lacks, if anything."""
    human = written(old)
    seen = old.content_hash == new.content_hash
    generated = (old.generated if human else old.caption) if seen else None
    captioner = old.captioner if generated is not None else None
    if new.status != "indexed" or not (human or generated is not None):
        return None
    wording = Wording(new, human, generated, captioner)
    return None if new.caption_origin is not None and set(new.texts) == set(wording.texts) else wording
