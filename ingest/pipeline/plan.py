"""What is to be done: pure decisions from what is listed and what is indexed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.domain.etag import is_same_version
from core.domain.image import UNREAD_ETAG, UNTOLD_ETAG, ImageRecord, ImageRef
from core.errors import Notice
from core.errors.hints import Configure, ForgetSource
from core.imaging.tiling import is_long

Kind = Literal["add", "update", "recheck", "reword", "relink", "skip", "withheld"]

MAX_DELETED_SHARE = 0.10
ALWAYS_DELETED = 10  # so few may go from a small source without being confirmed


@dataclass(frozen=True, slots=True)
class Step:
    """One listed image, what is to be done with it, and the record that is there already."""

    kind: Kind
    id: str
    ref: ImageRef
    known: ImageRecord | None


def plan(
    listed: Iterable[tuple[str, ImageRef]], known: Mapping[str, ImageRecord], *, retry_failed: bool = False
) -> list[Step]:
    """Compare a page of (id, ref) with the records of those ids.

    A failed image is tried again when its etag has changed.
    An image to be worked on that is archived has a kind of its own ("withheld").
    So has one that is to be read again although its etag is the same ("recheck"). So has one whose captions alone
    differ from those of its listing ("reword"), or whose pair does ("relink").
    An image with `has_center_crop_only` is read again, unless it is archived.
    """
    return [
        Step(_kind(ref, known.get(image_id), retry_failed), image_id, ref, known.get(image_id))
        for image_id, ref in listed
    ]


# Fields of a payload that tell whether anything may be to do; those of captions where a listing has some.
OUTLINE = ("etag", "pair", "status", "framing", "width", "height")
CAPTIONED_OUTLINE = (*OUTLINE, "caption_origin", "captions")


def is_unchanged(ref: ImageRef, outline: Sequence[Any], *, retry_failed: bool = False) -> bool:
    """Whether `plan` surely says "skip" of an image, by the fields of OUTLINE, or of CAPTIONED_OUTLINE.

    Where they do not tell, the answer is no.
    """
    etag, pair, status, framing, width, height, *said = outline
    if etag != ref.etag and (ref.etag != UNTOLD_ETAG or etag in ("", UNREAD_ETAG)):
        return False
    if ref.again or pair != ref.pair or (retry_failed and status == "failed"):
        return False
    if framing is None and width is not None and height is not None and is_long(width, height):
        return False
    if not ref.captions:
        return True
    return bool(said) and (said[0], tuple(said[1] or ())) == ("human", ref.captions)


def _kind(ref: ImageRef, known: ImageRecord | None, retry_failed: bool) -> Kind:
    if known is None:
        return "add" if ref.withheld is None else "withheld"
    if _has_changed(ref, known) or (retry_failed and known.status == "failed"):
        return "update" if ref.withheld is None else "withheld"
    if has_center_crop_only(known) and ref.withheld is None:
        return "update"
    if ref.again and ref.withheld is None:
        return "recheck"
    if has_other_captions(ref, known):
        return "reword"
    return "skip" if ref.pair == known.pair else "relink"


def has_other_captions(ref: ImageRef, known: ImageRecord) -> bool:
    """Whether the listing has captions of an image, and they are not those on record."""
    return bool(ref.captions) and (known.caption_origin, known.captions) != ("human", ref.captions)


def has_center_crop_only(known: ImageRecord) -> bool:
    """Whether its vector is of the middle square alone, as long pictures were encoded before there were tiles."""
    if known.status != "indexed" or known.content_hash is None or known.framing is not None:
        return False
    return known.width is not None and known.height is not None and is_long(known.width, known.height)


def _has_changed(ref: ImageRef, known: ImageRecord) -> bool:
    if ref.etag == UNTOLD_ETAG:
        return known.etag in ("", UNREAD_ETAG)
    return not is_same_version(ref, known)


@dataclass(frozen=True, slots=True)
class Absences:
    """What a complete listing says about what is indexed of a source: how many images are absent from it.

    `lost` of the `absent` have no other name, so deleting them forgets a picture. `excluded` pictures of the source
    were left out by patterns: they may be the absent ones.
    """

    source: str
    listed: int
    indexed: int
    absent: int
    lost: int
    excluded: int = 0


def explain_refusal(absences: Absences, *, confirmed: bool) -> Notice | None:
    """Say why nothing may be deleted, or return None."""
    if absences.absent and not absences.listed:
        return Notice(
            f"{absences.source} lists no image at all while {absences.indexed:,} are indexed; nothing was deleted, "
            f"because that looks like {_explain_emptiness(absences)}",
            ForgetSource(absences.source),
        )
    if confirmed or absences.lost <= max(ALWAYS_DELETED, MAX_DELETED_SHARE * absences.indexed):
        return None
    return Notice(
        f"{absences.absent:,} of {absences.indexed:,} images of {absences.source} are no longer listed; nothing was "
        f"deleted, because that is more than {MAX_DELETED_SHARE:.0%}{_explain_excluded(absences)}",
        Configure("if they are gone for good, run again with {}", ("confirm_deletes",)),
    )


def _explain_emptiness(absences: Absences) -> str:
    if absences.excluded:
        return f"patterns that exclude more than was meant: they leave out {absences.excluded:,} pictures"
    return "a disk that is not mounted, or a wrong prefix"


def _explain_excluded(absences: Absences) -> str:
    """Say how patterns are concerned: what they exclude is taken out of the library, as if it were gone."""
    if not absences.excluded:
        return ""
    return f". Your patterns exclude {absences.excluded:,} pictures, and what they exclude leaves the library too"


class IdSet:
    """A growing set of UUIDs at 16 bytes each, for sources of millions of images."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._removed: set[str] = set()
        self._sorted: np.ndarray[tuple[int], np.dtype[np.bytes_]] | None = None

    def __len__(self) -> int:
        return len(self._bytes) // 16

    def add(self, image_id: str) -> None:
        self.update((image_id,))

    def update(self, image_ids: Iterable[str]) -> None:
        """Add ids."""
        self._bytes += bytes.fromhex("".join(image_ids).replace("-", ""))
        self._sorted = None

    def remove(self, image_id: str) -> None:
        """Take out an id that was added. Safe while another thread adds."""
        self._removed.add(image_id)

    def find_absent(self, image_ids: Iterable[str]) -> list[str]:
        """Return those ids that were not added, or were removed, in their order."""
        wanted = list(image_ids)
        there = self._sort()
        raw = np.frombuffer(bytes.fromhex("".join(wanted).replace("-", "")), "S16")
        before = np.searchsorted(there, raw, "left")
        found = zip(wanted, before < np.searchsorted(there, raw, "right"), strict=True)
        return [image_id for image_id, is_there in found if not is_there or image_id in self._removed]

    def count_repeated(self) -> int:
        """Count how many times an id was added that had been added before."""
        there = self._sort()
        return int(np.count_nonzero(there[1:] == there[:-1]))

    def _sort(self) -> "np.ndarray[tuple[int], np.dtype[np.bytes_]]":
        if self._sorted is None:
            self._sorted = np.sort(np.frombuffer(bytes(self._bytes), "S16"))
        return self._sorted
