"""What a run has done so far, and how far it is."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from core.domain.image import CaptionFlaw, ImageRef

Phase = Literal["images", "human_captions", "captions", "places", "thumbnails", "text"]


@dataclass(slots=True)
class Report:
    """Counts of images, each counted when the index has acknowledged it.

    `updated` includes files that were touched without a change.
    `failed` counts the failures of this run alone.
    `uncaptioned` are images that could not be captioned for want of their pictures.
    `caption_flaws` counts the flawed captions among those that a captioner wrote.
    `human_captions` are images whose captions of people have changed.
    `captions_unmatched` and `captions_ambiguous` are names in caption files that mean no image, or several.
    `thumbnails` were missing and have been made again.
    `text_read` are images that were looked at for text, and `text_found` those of them that hold any.
    `text_failed` could not be read, and `text_missed` could not be had. `unread_lines` of them could not be read.
    `ignored` are files that are plainly no pictures, or archived. `excluded` are pictures that patterns leave out.
    `rechecked` were read again although nothing said that they have changed.
    `kept` are indexed images that are no longer listed but may not be deleted unconfirmed.
    `incomplete_sources` are the sources of those.
    `image_seconds` is the time of the first pass, without loading the model.
    `unsettled` are pictures that were still being written.
    `problems` keep the library from being equal to its sources; `notices` are what a person should know.
    """

    added: int = 0
    updated: int = 0
    skipped: int = 0
    deleted: int = 0
    failed: int = 0
    captioned: int = 0
    uncaptioned: int = 0
    caption_flaws: Counter[CaptionFlaw] = field(default_factory=Counter)
    human_captions: int = 0
    captions_unmatched: int = 0
    captions_ambiguous: int = 0
    thumbnails: int = 0
    text_read: int = 0
    text_found: int = 0
    text_failed: int = 0
    text_missed: int = 0
    unread_lines: int = 0
    reused: int = 0
    ignored: int = 0
    excluded: int = 0
    rechecked: int = 0
    kept: int = 0
    pending_captions: int = 0
    pending_text: int = 0
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    image_seconds: float = 0.0
    encode_seconds: float = 0.0
    interrupted: bool = False
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    incomplete_sources: set[str] = field(default_factory=set)
    unsettled: list[ImageRef] = field(default_factory=list)

    @property
    def images_per_second(self) -> float:
        """Images made searchable per second of the first pass."""
        return (self.added + self.updated) / self.image_seconds if self.image_seconds else 0.0

    @property
    def exit_code(self) -> int:
        """1 with problems, 3 where some images could not be used, else 0."""
        if self.problems:
            return 1
        return 3 if self.failed or self.uncaptioned or self.text_failed or self.text_missed else 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "added": self.added,
            "updated": self.updated,
            "skipped": self.skipped,
            "deleted": self.deleted,
            "failed": self.failed,
            "captioned": self.captioned,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
            "uncaptioned": self.uncaptioned,
            "caption_flaws": {flaw: count for flaw, count in self.caption_flaws.items() if count > 0},
            "human_captions": self.human_captions,
            "captions_unmatched": self.captions_unmatched,
            "captions_ambiguous": self.captions_ambiguous,
            "thumbnails": self.thumbnails,
            "text_read": self.text_read,
            "text_found": self.text_found,
            "text_failed": self.text_failed,
            "text_missed": self.text_missed,
            "unread_lines": self.unread_lines,
            "reused": self.reused,
            "ignored": self.ignored,
            "excluded": self.excluded,
            "rechecked": self.rechecked,
            "kept": self.kept,
            "pending_captions": self.pending_captions,
            "pending_text": self.pending_text,
            "interrupted": self.interrupted,
            "problems": self.problems,
            "notices": self.notices,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: `done` of `total` images of a phase. `total` is None until everything has been listed."""

    phase: Phase
    done: int
    total: int | None
    report: Report
