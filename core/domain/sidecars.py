"""Which files of one folder belong together, by their names: pictures, the files that tell of them, RAW and JPEG."""

import hashlib
import os
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from core.domain.file_rules import no_picture
from core.domain.image import ImageRef

MAX_SIDECAR_BYTES = 2**20
MAX_SIDECARS = 4  # of one picture

RAW_SUFFIXES = frozenset(
    """.3fr .ari .arw .bay .cap .cr2 .cr3 .crw .dcr .dng .eip .erf .fff .gpr .iiq .k25 .kdc .mdc .mef .mos .mrw .nef
    .nrw .orf .ori .pef .ptx .raf .raw .rw2 .rwl .rwz .sr2 .srf .srw .x3f""".split()
)
_DEVELOPED_SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .heic .heif .hif".split())
_PICTURE_SUFFIXES = (
    RAW_SUFFIXES
    | _DEVELOPED_SUFFIXES
    | frozenset(
        """.png .webp .gif .bmp .tif .tiff .avif .jxl .jp2 .j2k .jpf .jpx .ico .ppm .pgm .pbm .tga .pcx .mpo .insp .psd
        .mp4 .mov .m4v .mp .3gp""".split()
    )
)
_SIDECAR_SUFFIXES = (".xmp", ".json")
_PIXEL_PAIR = re.compile(r"\.raw-0\d\.(?:(?:mp\.)?cover|original)$", re.IGNORECASE)  # of Pixel phones

_TAKEOUT_TAIL = "supplemental-metadata"
_TAKEOUT_LENGTH = 46  # what Takeout leaves of a name before ".json"
_MOST_ALIKE = 100  # names looked at that have the start of a cut one
_NUMBERED = re.compile(r"(.*)\((\d+)\)$", re.DOTALL)
_EDITED = tuple(
    """-edited -bearbeitet -modifié -editado -editada -modificato -bewerkt -edytowane -redigerad -redigeret -redigert
    -muokattu -upraveno -editat -szerkesztett -düzenlendi -изменено -編集済み -已修改 -已編輯 -수정됨""".split()
)

_DIGEST = re.compile(r";sidecars=[0-9a-z]+$")
UNREAD_SIDECARS = "unread"  # instead of the digest, where they are to be read again


@dataclass(frozen=True, slots=True)
class Companions:
    """The names that go with a picture: files that tell of it, and the same picture as RAW or as JPEG."""

    sidecars: tuple[str, ...] = ()
    pair: str | None = None


ALONE = Companions()


class FolderNames:
    """The names in one folder, and which of them belong together. Case does not matter, but an equal one is preferred.

    `STEM.xmp` belongs to every picture of that stem, and `NAME.xmp` to that picture alone. `NAME.json` is of Google
    Takeout, which cuts and numbers these names in ways of its own. A pair is a RAW and a JPEG or HEIC of one stem.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        suffixes = {name[name.rfind(".") :].lower() for name in self._names}  # of most folders one or two
        told = filter(may_be_sidecar, self._names) if suffixes.intersection(_SIDECAR_SUFFIXES) else ()
        self._pairs = _find_pairs(self._pictures) if suffixes & RAW_SUFFIXES else {}
        self._sidecars: dict[str, list[str]] = defaultdict(list)
        self._owned: set[str] = set()
        for sidecar in sorted(told, key=_priority):
            owners = self.find_owners(sidecar)
            for owner in owners:
                self._sidecars[owner].append(sidecar)
            if owners:
                self._owned.add(sidecar)

    @property
    def all_alone(self) -> bool:
        """Whether nothing goes with any picture of this folder."""
        return not (self._sidecars or self._pairs)

    @cached_property
    def _pictures(self) -> list[str]:
        return [name for name in self._names if not may_be_sidecar(name) and no_picture(os.fsencode(name)) is None]

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[str]]:
        return _group(self._pictures, str.lower)

    @cached_property
    def _by_stem(self) -> Mapping[str, Sequence[str]]:
        return _group(self._pictures, lambda name: os.path.splitext(name.lower())[0])

    @cached_property
    def _long(self) -> Sequence[tuple[str, str]]:
        return sorted((name.lower(), name) for name in self._pictures if _is_cut(name))

    def companions(self, picture: str) -> Companions:
        """Return what goes with a picture of this folder."""
        sidecars = self._sidecars.get(picture)
        pair = self._pairs.get(picture)
        if sidecars is None and pair is None:
            return ALONE
        return Companions(tuple(sidecars or ())[:MAX_SIDECARS], pair)

    def is_sidecar(self, name: str) -> bool:
        """Tell whether the file tells of a picture of this folder."""
        return name in self._owned

    def find_owners(self, sidecar: str) -> tuple[str, ...]:
        """Return the pictures that a file of this name tells of, whether or not it is there (any more)."""
        body, suffix = os.path.splitext(sidecar)
        match suffix.lower():
            case ".xmp":
                found = self._look_up(self._by_name, body) or self._look_up(self._by_stem, body)
            case ".json":
                found = self._find_takeout(body)
            case _:
                found = []
        return tuple(dict.fromkeys(found))

    def _find_takeout(self, body: str) -> list[str]:
        """Find the pictures of a JSON file of Takeout, given without its suffix."""
        numbered = _NUMBERED.match(body)
        if exact := self._look_up(self._by_name, body):
            return exact + self._find_edited(body, "")
        base, number = (numbered[1], f"({numbered[2]})") if numbered else (body, "")
        start = base
        title, dot, tail = base.rpartition(".")
        if dot and _TAKEOUT_TAIL.startswith(tail.lower()):
            base = title
        stem, suffix = os.path.splitext(base)
        found = self._look_up(self._by_name, f"{stem}{number}{suffix}") or self._look_up(self._by_stem, base + number)
        return found + self._find_edited(base, number) or self._find_cut(start, number)

    def _find_edited(self, original: str, number: str) -> list[str]:
        """Find edited versions of a picture, which Takeout tells nothing of by themselves."""
        stem, suffix = os.path.splitext(original)
        names = (f"{stem}{edited}{number}{suffix}" for edited in _EDITED)
        return [found for name in names for found in self._look_up(self._by_name, name)]

    def _find_cut(self, start: str, number: str) -> list[str]:
        """Find the picture of which Takeout kept only the start of the name, and its edits; none if it is not clear."""
        if not _is_cut(start):
            return []
        start, found = start.lower(), dict[str, list[str]]()
        first = bisect_left(self._long, (start, ""))
        for lower, name in self._long[first : first + _MOST_ALIKE]:
            if not lower.startswith(start):
                break
            stem = os.path.splitext(lower)[0]
            numbered = _NUMBERED.match(stem)
            if number == (f"({numbered[2]})" if numbered else ""):
                found.setdefault(_strip_edited(stem), []).append(name)
        return next(iter(found.values())) if len(found) == 1 else []

    @staticmethod
    def _look_up(names: Mapping[str, Sequence[str]], wanted: str) -> list[str]:
        found = list(names.get(wanted.lower(), ()))
        same_case = [name for name in found if name.startswith(wanted)]
        return same_case or found


def may_be_sidecar(name: str) -> bool:
    """Tell whether a file of this name may tell of a picture beside it."""
    return name[-5:].lower().endswith(_SIDECAR_SUFFIXES)


def common_start(name: str) -> str:
    """Return the start that the names of all files which belong together have in common.

    Of a name that Takeout may cut it is less than that, and else the stem without number and mark of an edited version.
    """
    stem = name
    if may_be_sidecar(name):
        stem = name[:-5].removesuffix(".") if name[-5:].lower() == ".json" else name[:-4]
        numbered = _NUMBERED.match(stem)
        title, dot, tail = (numbered[1] if numbered else stem).rpartition(".")
        if dot and _TAKEOUT_TAIL.startswith(tail.lower()):
            stem = title
    if _is_cut(stem):
        return os.fsencode(stem)[: _TAKEOUT_LENGTH - 1].decode(errors="ignore")
    bare, suffix = os.path.splitext(stem)
    if stem is name or _NUMBERED.sub(r"\1", suffix.lower()) in _PICTURE_SUFFIXES:
        stem = bare  # of a sidecar's body it may be the end of a stem with dots
    numbered = _NUMBERED.match(stem)
    return _PIXEL_PAIR.sub("", _strip_edited(numbered[1] if numbered else stem))


def is_long_start(start: str) -> bool:
    """Tell whether a common start may be that of names which Takeout cuts, so that anything may follow on it."""
    return len(os.fsencode(start)) >= _TAKEOUT_LENGTH - 4


def add_companions(
    ref: ImageRef, names: Companions, etags: Mapping[str, str], to_key: Callable[[str], str]
) -> ImageRef:
    """Return the image with what goes with it; its etag changes with every change of a sidecar.

    `etags` are those of the sidecars by name; one without is left out, as where it was deleted meanwhile. `to_key`
    makes the key of a name.
    """
    there = [name for name in names.sidecars if name in etags]
    etag = ref.etag
    if there:
        told = "\n".join(f"{name}\t{etags[name]}" for name in there)
        etag = f"{etag};sidecars={hashlib.sha256(os.fsencode(told)).hexdigest()[:16]}"
    pair = None if names.pair is None else to_key(names.pair)
    return replace(ref, etag=etag, pair=pair, sidecars=tuple(map(to_key, there)))


def bare_etag(etag: str) -> str:
    """Return the etag of the picture alone."""
    return _DIGEST.sub("", etag)


def sidecars_of(etag: str) -> str:
    """Return what an etag says of the sidecars; "" where there are none."""
    digest = _DIGEST.search(etag)
    return digest[0] if digest else ""


def carry_companions(old: ImageRef, new: ImageRef) -> ImageRef:
    """Return an image that was replaced since it was listed, with what was listed beside it."""
    return replace(new, etag=bare_etag(new.etag) + sidecars_of(old.etag), sidecars=old.sidecars, pair=old.pair)


def mark_unread(ref: ImageRef) -> ImageRef:
    """Return the image with an etag that no listing has, so that its sidecars are tried again."""
    return replace(ref, etag=f"{bare_etag(ref.etag)};sidecars={UNREAD_SIDECARS}")


def _group(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[key(name)].append(name)
    return groups


def _find_pairs(pictures: Sequence[str]) -> dict[str, str]:
    """Pair each RAW with a picture of the same stem that was developed from it, one with one."""
    raws: dict[str, list[str]] = defaultdict(list)
    developed: dict[str, list[str]] = defaultdict(list)
    for name in sorted(pictures):
        stem, suffix = os.path.splitext(name.lower())
        if suffix in RAW_SUFFIXES:
            raws[_PIXEL_PAIR.sub("", stem)].append(name)
        elif suffix in _DEVELOPED_SUFFIXES:
            developed[_PIXEL_PAIR.sub("", stem)].append(name)
    pairs: dict[str, str] = {}
    for stem in raws.keys() & developed.keys():
        free = developed[stem]
        for raw in raws[stem]:
            start = os.path.splitext(raw)[0]
            same_case = [name for name in free if os.path.splitext(name)[0] == start]
            if free:
                other = (same_case or free)[0]
                free.remove(other)
                pairs[raw], pairs[other] = other, raw
    return pairs


def _priority(sidecar: str) -> tuple[bool, int, str]:
    """Order sidecars: XMP before JSON, the longer name first, which is of one picture alone."""
    return sidecar.lower().endswith(".json"), -len(sidecar), sidecar


def _is_cut(name: str) -> bool:
    """Tell whether Takeout may have cut a name to this one, or would cut it: it counts characters, or bytes."""
    return len(os.fsencode(name)) >= _TAKEOUT_LENGTH


def _strip_edited(stem: str) -> str:
    return next((stem.removesuffix(edited) for edited in _EDITED if stem.endswith(edited)), stem)
