"""What is to be done: pure decisions from what is listed and what is indexed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.domain.image import UNREAD_ETAG, UNTOLD_ETAG, ImageRecord, ImageRef
from core.errors import Notice
from core.errors.hints import Configure, ForgetSource
from core.imaging.tiling import is_long

Kind = Literal["add", "update", "reword", "skip", "withheld"]

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
    So has one whose captions alone differ from those of its listing ("reword").
    An image with `has_center_crop_only` is read again, unless it is archived.
    """
    return [
        Step(_kind(ref, known.get(image_id), retry_failed), image_id, ref, known.get(image_id))
        for image_id, ref in listed
    ]


def _kind(ref: ImageRef, known: ImageRecord | None, retry_failed: bool) -> Kind:
    if known is None:
        return "add" if ref.withheld is None else "withheld"
    if _has_changed(ref, known) or (retry_failed and known.status == "failed"):
        return "update" if ref.withheld is None else "withheld"
    if has_center_crop_only(known) and ref.withheld is None:
        return "update"
    return "reword" if has_other_captions(ref, known) else "skip"


def has_other_captions(ref: ImageRef, known: ImageRecord) -> bool:
    """Whether its listing has captions of people, and they are not those on record."""
    return bool(ref.captions) and (known.caption_origin, known.captions) != ("human", ref.captions)


def has_center_crop_only(known: ImageRecord) -> bool:
    """Whether its vector is of the middle square alone, as long pictures were encoded before there were tiles."""
    if known.status != "indexed" or known.content_hash is None or known.framing is not None:
        return False
    return known.width is not None and known.height is not None and is_long(known.width, known.height)


def _has_changed(ref: ImageRef, known: ImageRecord) -> bool:
    if ref.etag == UNTOLD_ETAG:
        return ref.again or known.etag in ("", UNREAD_ETAG)
    return known.etag != ref.etag


@dataclass(frozen=True, slots=True)
class Absences:
    """What a complete listing says about what is indexed of a source: how many images are absent from it.

    `lost` of the `absent` have no other name, so deleting them forgets a picture.
    """

    source: str
    listed: int
    indexed: int
    absent: int
    lost: int


def explain_refusal(absences: Absences, *, confirmed: bool) -> Notice | None:
    """Say why nothing may be deleted, or return None."""
    if absences.absent and not absences.listed:
        return Notice(
            f"{absences.source} lists no image at all while {absences.indexed:,} are indexed; nothing was deleted, "
            "because that looks like a disk that is not mounted, or a wrong prefix",
            ForgetSource(absences.source),
        )
    if confirmed or absences.lost <= max(ALWAYS_DELETED, MAX_DELETED_SHARE * absences.indexed):
        return None
    return Notice(
        f"{absences.absent:,} of {absences.indexed:,} images of {absences.source} are no longer listed; nothing was "
        f"deleted, because that is more than {MAX_DELETED_SHARE:.0%}",
        Configure("if they are gone for good, run again with {}", ("confirm_deletes",)),
    )


class IdSet:
    """A growing set of UUIDs at 16 bytes each, for sources of millions of images."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._removed: set[str] = set()
        self._sorted: np.ndarray[tuple[int], np.dtype[np.bytes_]] | None = None

    def __len__(self) -> int:
        return len(self._bytes) // 16

    def add(self, image_id: str) -> None:
        self._bytes += bytes.fromhex(image_id.replace("-", ""))
        self._sorted = None

    def remove(self, image_id: str) -> None:
        """Take out an id that was added. Safe while another thread adds."""
        self._removed.add(image_id)

    def find_absent(self, image_ids: Iterable[str]) -> list[str]:
        """Return those ids that were not added, or were removed, in their order."""
        wanted = list(image_ids)
        if self._sorted is None:
            self._sorted = np.sort(np.frombuffer(bytes(self._bytes), "S16"))
        raw = np.frombuffer(bytes.fromhex("".join(wanted).replace("-", "")), "S16")
        before = np.searchsorted(self._sorted, raw, "left")
        found = zip(wanted, before < np.searchsorted(self._sorted, raw, "right"), strict=True)
        return [image_id for image_id, there in found if not there or image_id in self._removed]
