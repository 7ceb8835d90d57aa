"""What is to be done: pure decisions from what is listed and what is indexed, tested without a disk."""

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
    """A page of (id, ref) against the records of those ids. A failed image is tried again when its etag changed.

    What would be worked on if it were not withheld is told apart, and so is an image of which only the captions that
    its listing has for it are others. One that is `seen_in_part` is read again, unless it is withheld.
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
    if seen_in_part(known) and ref.withheld is None:
        return "update"
    if ref.captions and (known.caption_origin, known.captions) != ("human", ref.captions):
        return "reword"
    return "skip"


def seen_in_part(known: ImageRecord) -> bool:
    """Has it the vector of its middle square alone, as long pictures were encoded before there were tiles?"""
    if known.status != "indexed" or known.content_hash is None or known.framing is not None:
        return False
    return known.width is not None and known.height is not None and is_long(known.width, known.height)


def _has_changed(ref: ImageRef, known: ImageRecord) -> bool:
    if ref.etag == UNTOLD_ETAG:
        return ref.again or known.etag in ("", UNREAD_ETAG)
    return known.etag != ref.etag


@dataclass(frozen=True, slots=True)
class Absences:
    """What a complete listing says about what is indexed of a source.

    `lost` of the `gone` are not to be found under another name, so deleting them forgets a picture.
    """

    source: str
    listed: int
    held: int
    gone: int
    lost: int


def refusal(absences: Absences, *, confirmed: bool) -> Notice | None:
    """Say why nothing may be deleted; None where it may."""
    if absences.gone and not absences.listed:
        return Notice(
            f"{absences.source} lists no image at all while {absences.held:,} are indexed; nothing was deleted, "
            "because that looks like a disk that is not mounted, or a wrong prefix",
            ForgetSource(absences.source),
        )
    if confirmed or absences.lost <= max(ALWAYS_DELETED, MAX_DELETED_SHARE * absences.held):
        return None
    return Notice(
        f"{absences.gone:,} of {absences.held:,} images of {absences.source} are no longer listed; nothing was "
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
        """Take out one that was added. Safe while another thread adds."""
        self._removed.add(image_id)

    def absent(self, image_ids: Iterable[str]) -> list[str]:
        """Those that were not added, or were removed, in order."""
        wanted = list(image_ids)
        if self._sorted is None:
            self._sorted = np.sort(np.frombuffer(bytes(self._bytes), "S16"))
        raw = np.frombuffer(bytes.fromhex("".join(wanted).replace("-", "")), "S16")
        before = np.searchsorted(self._sorted, raw, "left")
        found = zip(wanted, before < np.searchsorted(self._sorted, raw, "right"), strict=True)
        return [image_id for image_id, there in found if not there or image_id in self._removed]
