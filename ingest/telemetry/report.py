"""What a run has done so far, and how far it is."""

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from core.domain.image import ImageRef

Phase = Literal["images", "human_captions", "captions", "places", "thumbnails"]


@dataclass(slots=True)
class Report:
    """Counts of images, each counted when the index has acknowledged it.

    `updated` includes files that were touched without a change.
    `failed` counts the failures of this run alone.
    `uncaptioned` are images that could not be captioned for want of their pictures.
    `human_captions` are images whose captions of people have changed.
    `captions_unmatched` and `captions_ambiguous` are names in caption files that mean no image, or several.
    `thumbnails` were missing and have been made again.
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
    human_captions: int = 0
    captions_unmatched: int = 0
    captions_ambiguous: int = 0
    thumbnails: int = 0
    reused: int = 0
    ignored: int = 0
    excluded: int = 0
    rechecked: int = 0
    kept: int = 0
    pending_captions: int = 0
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
        return 3 if self.failed or self.uncaptioned else 0

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
            "human_captions": self.human_captions,
            "captions_unmatched": self.captions_unmatched,
            "captions_ambiguous": self.captions_ambiguous,
            "thumbnails": self.thumbnails,
            "reused": self.reused,
            "ignored": self.ignored,
            "excluded": self.excluded,
            "rechecked": self.rechecked,
            "kept": self.kept,
            "pending_captions": self.pending_captions,
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
