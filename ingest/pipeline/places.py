"""Gives pictures that say where they were taken the names of the place."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC

from core.domain.filtering.filters import UNNAMED
from core.domain.image import ImageRecord
from core.domain.metadata import PictureMetadata, TakenTime
from core.domain.places import NOWHERE, Place, locate
from core.errors import PackageMissing
from core.ports.vector_index import PlaceUpdate
from ingest.pipeline.run_context import RunContext, retry_while_busy, scroll_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Progress, Report

_log = get_logger(__name__)


class PlaceNamer:
    """Names the places of pictures. Where the tables are missing it says so once, and pictures go without names."""

    def __init__(self, context: RunContext, report: Report) -> None:
        self.usable = True
        self._finder = context.places
        self._report = report

    def name(self, metadata: PictureMetadata) -> PictureMetadata:
        """Add the names of the place, and the offset of a time without one, to what a picture says of itself."""
        return locate(metadata, self._find(metadata.latitude, metadata.longitude))

    def _find(self, latitude: float | None, longitude: float | None) -> Place:
        if latitude is None or longitude is None or not self.usable:
            return NOWHERE
        try:
            return self._finder.find(latitude, longitude)
        except PackageMissing as error:
            self.usable = False
            notice = f"places were not named: {error}"
            if notice not in self._report.notices:
                self._report.notices.append(notice)
            return NOWHERE


def name_places(context: RunContext, report: Report) -> Iterator[Progress]:
    """Name the places of pictures that were indexed without names. Cut off, the next run goes on with the rest."""
    if not retry_while_busy(context.index.count, UNNAMED):
        return
    namer, named = PlaceNamer(context, report), 0
    for page in scroll_while_busy(context.index, UNNAMED):
        updates = [update for record in page if (update := _make_update(record, namer)) is not None]
        if updates:
            retry_while_busy(context.index.set_places, updates)
        named += len(updates)
        yield Progress("places", named, None, report)
        if context.stop.is_set() or not namer.usable:
            break
    if named:
        _log.info("places_named", images=named)
        report.notices.append(f"{named:,} pictures that say where they were taken are found by the names of places now")


def _make_update(record: ImageRecord, namer: PlaceNamer) -> PlaceUpdate | None:
    """Make the names of a record's place, and its moment; None where nothing is found."""
    taken = None
    if record.taken_at is not None and record.taken_instant is None:
        clock = record.taken_at.astimezone(UTC).replace(tzinfo=None)
        taken = TakenTime(clock, record.taken_from or "", record.taken_precision or "second")
    told = namer.name(replace(_to_metadata(record), taken=taken))
    if not told.places:
        return None
    instant = None if told.taken is None else told.taken.instant
    return PlaceUpdate(
        record.id,
        told.places,
        told.city,
        told.region,
        told.country,
        told.time_zone,
        record.taken_instant or instant,
        None if instant is None or told.taken is None else told.taken.origin,
    )


def _to_metadata(record: ImageRecord) -> PictureMetadata:
    return PictureMetadata(
        latitude=record.latitude,
        longitude=record.longitude,
        city=record.city,
        region=record.region,
        country=record.country,
    )
