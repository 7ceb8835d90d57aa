"""Gives images the captions that people wrote of them, from files; runs behind the first pass, encodes no picture."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from core.domain.conditions import Match
from core.domain.filters import Filter
from core.domain.image import ImageRecord
from ingest.captions.caption_files import CaptionFile, check_length
from ingest.captions.caption_matcher import Matcher, Matches
from ingest.pipeline.caption_updates import Wording, caption_updates
from ingest.pipeline.run_context import Parts, patient_pages, patiently
from ingest.telemetry.log_events import event
from ingest.telemetry.report import Progress, Report

_BATCH = 128
_EXAMPLES = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Given:
    """A caption file, and the sources whose images it speaks of."""

    file: CaptionFile
    sources: tuple[str, ...]


def give_captions(parts: Parts, given: Sequence[Given], report: Report, *, tell: bool = True) -> Iterator[Progress]:
    """Bring the captions of the files' images up to date. What no file speaks of stays as it is.

    An image that several files speak of has the captions of all of them, in the order of the files. `tell`: report the
    names that mean no image. Raises InvalidCaptionFile, before anything is written, where an image has too much text.
    """
    if not given or parts.stop.is_set():
        return
    wanted: dict[str, tuple[str, ...]] = {}
    for each, matches in zip(given, _matched(parts, given), strict=True):
        if tell:
            _tell(each.file, matches, report)
        for image_id, names in matches.names.items():
            for name in names:
                texts = tuple(dict.fromkeys((*wanted.get(image_id, ()), *each.file.captions[name])))
                check_length(each.file.path, name, texts)
                wanted[image_id] = texts
    done = 0
    ids = iter(sorted(wanted))
    while batch := list(islice(ids, _BATCH)):
        if parts.stop.is_set():
            return
        records = patiently(parts.index.fetch, batch)
        changed = [
            _wording(record, wanted[record.id], keep=parts.options.caption_all)
            for record in records.values()
            if (record.caption_origin, record.captions) != ("human", wanted[record.id])
        ]
        if changed:
            patiently(parts.index.set_captions, caption_updates(parts.index, parts.encoder, changed))
        report.human_captions += len(changed)
        done += len(batch)
        yield Progress("given", done, len(wanted), report)


def _wording(record: ImageRecord, human: tuple[str, ...], *, keep: bool) -> Wording:
    """A captioner's words make way for people's, unless both are wanted."""
    if record.caption_origin == "human":
        return Wording(record, human, record.generated, record.captioner)
    if keep and record.caption_origin is not None:
        return Wording(record, human, record.caption, record.captioner)
    return Wording(record, human)


def _matched(parts: Parts, given: Sequence[Given]) -> list[Matches]:
    """The images that each file speaks of, found in one pass over all of their sources."""
    matchers = [Matcher(each.file.captions) for each in given]
    for source in dict.fromkeys(source for each in given for source in each.sources):
        own = [matcher for matcher, each in zip(matchers, given, strict=True) if source in each.sources]
        for page in patient_pages(parts.index, Filter(all=(Match("source", (source,)),))):
            for record in page:
                for matcher in own:
                    matcher.see(record.id, record.key, record.uri)
    return [matcher.matches() for matcher in matchers]


def _tell(file: CaptionFile, matches: Matches, report: Report) -> None:
    total = len(file.captions)
    report.captions_unmatched += len(matches.none)
    report.captions_ambiguous += len(matches.several)
    _log.info(
        event(
            "captions_matched",
            file=file.path,
            names=total,
            matched=len(matches.names),
            unmatched=len(matches.none),
            ambiguous=len(matches.several),
        )
    )
    if matches.none:
        some = ", ".join(matches.none[:_EXAMPLES])
        report.notices.append(f"{file.path}: {len(matches.none):,} of {total:,} names are of no image here: {some}")
    if matches.several:
        some = "; ".join(f"{name} ({', '.join(keys[:3])})" for name, keys in islice(matches.several.items(), _EXAMPLES))
        report.notices.append(
            f"{file.path}: {len(matches.several):,} of {total:,} names do not say which image they are of, and were "
            f"left out; give the path within the source instead: {some}"
        )
    if file.blank:
        report.notices.append(f"{file.path}: {file.blank:,} captions are empty")
