"""What is in a tar: its pictures, each with its place and with what its sample says of it."""

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core.adapters.shards.range_reader import HeaderTooLarge, ReadAhead
from core.domain.file_rules import is_hidden, is_rubbish, no_picture
from core.tables.column_names import find_captions

_TEXT_LIMIT = 2**20  # bytes of a .txt or .json that is read for captions
_TRAILER = 2**20  # bytes that a writer may pad a tar with
_SAMPLE = re.compile(r"((?:.*/)?[^./]+)\.([^/]*)", re.DOTALL)
_TEXTS = ("txt", "json")
_LABELS = frozenset(  # what WebDataset keeps beside pictures, besides what no store takes for one
    b"""cls cls2 class count index inx id idx jsn transcript pyd pickle pth ten tb mp msg msgpack cbor bin emb
    opus spectrogram mask_meta meta info""".split()
)
_PACKED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"(\xb5/\xfd", "zstd"))


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a tar: its bytes are the `size` ones from `start`. `modified` is in seconds since 1970."""

    name: str
    start: int
    size: int
    modified: float
    captions: tuple[str, ...] = ()


@dataclass(slots=True)
class TarIndex:
    """The pictures of a tar in the order of their places; `problem` says why there may be more."""

    members: list[Member] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    problem: str | None = None


def index_tar(file: ReadAhead, size: int) -> TarIndex:
    """Go through a tar of `size` bytes once, in sequence. What stands before a damage is kept.

    Raises what reading the file raises.
    """
    index = TarIndex()
    pictures: dict[str, Member] = {}
    texts: dict[str, list[str]] = {}
    try:
        for info in _walk(file, size):
            if (reason := _explain(info)) is not None:
                index.ignored[reason] += 1
            elif info.isfile():
                _take(file, info, index.ignored, pictures, texts)
    except _DAMAGE as error:
        index.problem = _describe(error)
    for name, picture in pictures.items():
        captions = tuple(dict.fromkeys(texts.get(_sample(name)[0], ())))
        member = Member(picture.name, picture.start, picture.size, picture.modified, captions)
        index.members.append(member)
    index.members.sort(key=lambda member: member.start)
    return index


class _DamagedError(Exception):
    """The tar cannot be gone through from here."""


_DAMAGE = (
    _DamagedError,
    HeaderTooLarge,
    tarfile.TarError,
    ValueError,
    OverflowError,
    RecursionError,
    MemoryError,
    IndexError,
    KeyError,
    EOFError,
)


def _walk(file: ReadAhead, size: int) -> Iterator[tarfile.TarInfo]:
    """Yield every member whose bytes are there whole. Raises _DAMAGE at the first place that is wrong."""
    head = file.read(16)
    if not size:
        raise _DamagedError("is empty")
    for magic, packing in _PACKED:
        if head.startswith(magic):
            raise _DamagedError(f"is compressed with {packing}, and has to be unpacked first")
    file.seek(0)
    any_file: Any = file
    try:
        tar: Any = tarfile.TarFile(fileobj=any_file, mode="r", encoding="utf-8", errors="surrogateescape")
    except tarfile.ReadError as error:
        raise _DamagedError(f"is no tar ({error})") from error
    last = -1
    while True:
        place = tar.offset
        if place <= last:
            raise _DamagedError(f"leads back to byte {place:,}")
        last = place if tar.firstmember is None else -1
        info = tar.next()
        if info is None:
            break
        tar.members = []  # else it remembers all of them
        if info.size < 0 or tar.offset > size + tarfile.BLOCKSIZE or info.offset_data + _stored(info) > size:
            raise _DamagedError(f"is cut off within {info.name!a}")
        yield info
    _check_end(file, tar.offset, size)


def _check_end(file: ReadAhead, place: int, size: int) -> None:
    """Raise _DamagedError where the tar ends otherwise than with zeros: tarfile takes any damage for its end."""
    file.seek(place)
    left = size - place
    if left > 0 and file.read(min(left, tarfile.BLOCKSIZE)).strip(b"\0"):
        raise _DamagedError(f"is damaged at byte {place:,}")
    if left > _TRAILER or (left > 0 and file.read(left).strip(b"\0")):
        raise _DamagedError(f"goes on behind its end mark at byte {place:,}")


def _stored(info: tarfile.TarInfo) -> int:
    return info.size if info.isreg() and not info.issparse() else 0


def _explain(info: tarfile.TarInfo) -> str | None:
    """Say why a member that is no folder is passed over whatever its name is."""
    if info.islnk() or info.issym():
        return "links within a tar are not followed"
    if info.issparse():
        return "sparse files within a tar are not read"
    return None if info.isdir() or info.isreg() else "no regular file"


def _take(
    file: ReadAhead,
    info: tarfile.TarInfo,
    ignored: Counter[str],
    pictures: dict[str, Member],
    texts: dict[str, list[str]],
) -> None:
    name = _normalise(info.name)
    *folders, last = name.encode("utf-8", "surrogateescape").split(b"/")
    if not last or is_hidden(last) or any(is_hidden(each) or is_rubbish(each) for each in folders):
        return
    sample, suffix = _sample(name)
    kind = suffix.rpartition(".")[2]
    if kind in _TEXTS:
        if info.size <= _TEXT_LIMIT:
            file.seek(info.offset_data)
            texts.setdefault(sample, []).extend(read_captions(kind, file.read(info.size)))
        return
    reason = no_picture(last)
    if reason is None and kind.encode("utf-8", "surrogateescape") in _LABELS:
        reason = f".{kind} files are no pictures"
    if reason is not None:
        ignored[reason] += 1
        return
    pictures.pop(name, None)  # as in unpacking, the last of a name stays
    pictures[name] = Member(name, info.offset_data, info.size, _moment(info.mtime))


def read_captions(kind: str, data: bytes) -> list[str]:
    """Read the captions of a sample's .txt, or of the fields of its .json that are named for captions."""
    text = data.decode("utf-8-sig", "replace")
    if kind == "txt":
        return [plain] if (plain := _clean(text)) else []
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(fields, dict):
        return []
    found: list[str] = []
    names = list(fields)
    for column in find_captions(names):
        value = fields[names[column]]
        values = value if isinstance(value, list) else [value]
        found += [plain for each in values if isinstance(each, str) and (plain := _clean(each))]
    return found


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "").strip()


def _sample(name: str) -> tuple[str, str]:
    """Split as WebDataset does: the key up to the first dot of the last part, and the suffix in lower case."""
    found = _SAMPLE.fullmatch(name)
    return (found[1], found[2].lower()) if found else (name, "")


def _normalise(name: str) -> str:
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def _moment(modified: Any) -> float:
    moment = float(modified)
    return moment if 0 < moment < 2**37 else 0.0


def _describe(error: BaseException) -> str:
    if isinstance(error, _DamagedError):
        return str(error)
    if isinstance(error, HeaderTooLarge):
        return f"has a header that is too large ({error})"
    return f"is damaged ({error or type(error).__name__})"
