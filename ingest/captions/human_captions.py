"""Captions that people wrote, from files, for indexed images. Runs after the first pass, and encodes no picture."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import Filter
from core.domain.image import ImageRecord
from ingest.captions.caption_files import CaptionFile, check_length, explain_bad_rows
from ingest.captions.caption_matcher import CaptionMatcher, NameMatches
from ingest.pipeline.caption_updates import CaptionTexts, caption_updates
from ingest.pipeline.run_context import RunContext, retry_while_busy, scroll_while_busy
from ingest.telemetry.log_events import get_logger
from ingest.telemetry.report import Progress, Report

_BATCH = 128
_EXAMPLES = 3
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SourceCaptions:
    """A caption file, and the sources whose images it is about."""

    file: CaptionFile
    sources: tuple[str, ...]


def apply_human_captions(
    context: RunContext, human_captions: Sequence[SourceCaptions], report: Report, *, report_names: bool = True
) -> Iterator[Progress]:
    """Bring the captions of the files' images up to date. Images that no file names stay as they are.

    An image in several files has the captions of all of them, in the order of the files.
    `report_names`: report the names that mean no image.
    Raises InvalidCaptionFile, before anything is written, where an image has too much text.
    """
    if not human_captions or context.stop.is_set():
        return
    wanted: dict[str, tuple[str, ...]] = {}
    for each, matches in zip(human_captions, _match_files(context, human_captions), strict=True):
        if report_names:
            _report_matches(each.file, matches, report)
        for image_id, names in matches.names.items():
            for name in names:
                texts = tuple(dict.fromkeys((*wanted.get(image_id, ()), *each.file.captions[name])))
                check_length(each.file.path, name, texts)
                wanted[image_id] = texts
    done = 0
    ids = iter(sorted(wanted))
    while batch := list(islice(ids, _BATCH)):
        if context.stop.is_set():
            return
        records = retry_while_busy(context.index.fetch, batch)
        changed = [
            _merge_captions(record, wanted[record.id], keep=context.options.caption_all)
            for record in records.values()
            if (record.caption_origin, record.captions) != ("human", wanted[record.id])
        ]
        if changed:
            retry_while_busy(context.index.set_captions, caption_updates(context.index, context.encoder, changed))
        report.human_captions += len(changed)
        done += len(batch)
        yield Progress("human_captions", done, len(wanted), report)


def _merge_captions(record: ImageRecord, human: tuple[str, ...], *, keep: bool) -> CaptionTexts:
    """Put the captions of people in place of a captioner's, or beside them where both are wanted."""
    if keep or record.caption_origin != "generated":
        return replace(CaptionTexts.of(record), human=human)
    return CaptionTexts(record, human)


def _match_files(context: RunContext, human_captions: Sequence[SourceCaptions]) -> list[NameMatches]:
    """Find the images that each file names, in one pass over all of their sources."""
    matchers = [CaptionMatcher(each.file.captions, _folder_uri(each.file.path)) for each in human_captions]
    for source in dict.fromkeys(source for each in human_captions for source in each.sources):
        own = [matcher for matcher, each in zip(matchers, human_captions, strict=True) if source in each.sources]
        for page in scroll_while_busy(context.index, Filter(all=(Match("source", (source,)),))):
            for record in page:
                for matcher in own:
                    matcher.add_image(record.id, record.key, record.uri)
    return [matcher.match() for matcher in matchers]


def _folder_uri(path: Path) -> str:
    return "file://" + quote(os.fsencode(os.path.realpath(path.parent)))


def _report_matches(file: CaptionFile, matches: NameMatches, report: Report) -> None:
    total = len(file.captions)
    report.captions_unmatched += len(matches.unmatched)
    report.captions_ambiguous += len(matches.ambiguous)
    _log.info(
        "captions_matched",
        file=file.path,
        names=total,
        matched=len(matches.names),
        unmatched=len(matches.unmatched),
        ambiguous=len(matches.ambiguous),
    )
    if matches.unmatched:
        some = ", ".join(matches.unmatched[:_EXAMPLES])
        report.notices.append(
            f"{file.path}: {len(matches.unmatched):,} of {total:,} names are of no image here: {some}"
        )
    if matches.ambiguous:
        some = "; ".join(
            f"{name} ({', '.join(keys[:3])})" for name, keys in islice(matches.ambiguous.items(), _EXAMPLES)
        )
        report.notices.append(
            f"{file.path}: {len(matches.ambiguous):,} of {total:,} names do not say which image they are of, and were "
            f"left out; give the path within the source instead: {some}"
        )
    report.notices.extend(explain_bad_rows(file))
    if file.blank:
        report.notices.append(f"{file.path}: {file.blank:,} captions are empty")
