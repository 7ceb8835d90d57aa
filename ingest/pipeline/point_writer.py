"""Writes what the first pass has found out: points, references and captions, gathered to be written together."""

import time
from collections import Counter
from dataclasses import replace

from core.domain.image import ImageRecord, ImageRef
from core.ports.vector_index import Point
from ingest.pipeline.caption_updates import CaptionTexts, caption_updates
from ingest.pipeline.fetch_and_decode import Unchanged
from ingest.pipeline.plan import Step, has_center_crop_only, has_other_captions
from ingest.pipeline.points import build_kept_point, build_refreshed_point, has_other_metadata
from ingest.pipeline.run_context import RunContext, retry_while_busy
from ingest.telemetry.observer import time_stage
from ingest.telemetry.report import Report

_WRITE_POINTS = 256
WRITE_SECONDS = 2.0  # that something waits at most before it is written


class PointWriter:
    """Gathers what is to be written, and writes it when there is much of it, or some has waited.

    `skipped` counts images that were read again and are as before. `reencoded` counts those that were encoded anew
    because only their middle was known.
    """

    def __init__(self, context: RunContext, report: Report) -> None:
        self.skipped = 0
        self.reencoded = 0
        self._context = context
        self._report = report
        self._points: list[tuple[Step, Point]] = []
        self._unchanged: list[Unchanged] = []
        self._captions_changed: list[Step] = []
        self._twice = 0  # gathered as unchanged, and for their captions
        self._written_at = time.monotonic()

    def add_point(self, step: Step, point: Point) -> None:
        """Gather a point that is written whole."""
        self._points.append((step, point))

    def add_unchanged(self, outcome: Unchanged) -> None:
        """Gather an image whose bytes are those on record; what is known beside them may have changed."""
        self._unchanged.append(outcome)
        step = outcome.step
        if step.known is not None and has_other_captions(step.ref, step.known):
            self._captions_changed.append(step)
            self._twice += 1

    def add_captions(self, step: Step) -> None:
        """Gather an image whose listing has other captions."""
        self._captions_changed.append(step)

    def write(self, *, whole: bool = False) -> int:
        """Write what has been gathered, if it is time or `whole`. Return how many images the index acknowledged."""
        now = time.monotonic()
        waiting = len(self._points) + len(self._unchanged) + len(self._captions_changed)
        if waiting and not (whole or waiting >= _WRITE_POINTS or now - self._written_at > WRITE_SECONDS):
            return 0
        if waiting:
            self._write_points()
            self._write_unchanged()
            self._write_captions()
        images, self._twice = waiting - self._twice, 0
        self._written_at = time.monotonic()
        return images

    def _write_points(self) -> None:
        written, self._points = self._points, []
        if not written:
            return
        with time_stage(self._context.observer, "upsert"):
            retry_while_busy(self._context.index.upsert, [point for _, point in written])
        self.reencoded += sum(
            point.record.framing == "tiles" and step.known is not None and has_center_crop_only(step.known)
            for step, point in written
        )
        counts = Counter(step.kind if point.record.status == "indexed" else "failed" for step, point in written)
        self._report.added += counts["add"]
        self._report.updated += counts["update"] + counts["recheck"]
        self._report.failed += counts["failed"]
        self._context.thumbnails.delete(step.id for step, point in written if point.record.status == "failed")

    def _write_unchanged(self) -> None:
        """Write what is known beside the bytes, where it has changed: metadata, pair, and the reference."""
        unchanged, self._unchanged = self._unchanged, []
        points: list[Point] = []
        refs: list[tuple[str, ImageRef]] = []
        index = self._context.index
        for outcome in unchanged:
            ref, known = outcome.step.ref, outcome.step.known
            assert known is not None
            record = replace(known, etag=ref.etag, bytes=ref.bytes, modified_at=ref.modified_at, pair=ref.pair)
            if outcome.metadata is not None and has_other_metadata(known, outcome.metadata):
                points.append(build_refreshed_point(record, outcome.metadata, index, self._context.encoder()))
            elif ref.pair != known.pair:
                points.append(build_kept_point(record, index))
            elif record != known:
                refs.append((known.id, ref))
            else:
                self.skipped += 1
        if points:
            retry_while_busy(index.upsert, points)
        if refs:
            retry_while_busy(index.set_refs, refs)
        self._report.updated += len(points) + len(refs)

    def _write_captions(self) -> None:
        changed, self._captions_changed = self._captions_changed, []
        words = [_merge_captions(step.known, step.ref.captions) for step in changed if step.known is not None]
        if words:
            updates = caption_updates(self._context.index, self._context.encoder, words)
            retry_while_busy(self._context.index.set_captions, updates)
            self._report.human_captions += len(words)


def _merge_captions(known: ImageRecord, human: tuple[str, ...]) -> CaptionTexts:
    """Put the captions of people in place of a captioner's, or beside them where both were asked for."""
    if known.caption_origin != "generated":
        return replace(CaptionTexts.of(known), human=human)
    return CaptionTexts(known, human)
