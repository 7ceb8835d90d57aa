"""Which image a name in a caption file means: pure decisions, tested without a disk."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Matches:
    """`names` of each image (by id); names that could be `several` images, with their keys; names of `none`."""

    names: dict[str, list[str]] = field(default_factory=dict)
    several: dict[str, list[str]] = field(default_factory=dict)
    none: list[str] = field(default_factory=list)


class Matcher:
    """Matches the names of one file with images that are shown to it, of which it keeps those that may be meant.

    A name means the image whose key or address it is; else the one whose key ends with it, folder by folder; else the
    one of the same base name. Where several images, or several names, would do, nothing is guessed.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._exact: dict[str, dict[str, str]] = {name: {} for name in self._names}
        self._alike: dict[str, dict[str, str]] = {base_name(name): {} for name in self._names}

    def see(self, image_id: str, key: str, uri: str) -> None:
        for name in (key, uri):
            if name in self._exact:
                self._exact[name][image_id] = key
        alike = self._alike.get(base_name(key))
        if alike is not None:
            alike[image_id] = key

    def matches(self) -> Matches:
        found = Matches()
        left = self._names
        for candidates in (self._exact.__getitem__, self._ending, self._same_base):
            chosen = {name: candidates(name) for name in left}
            left = _settle(chosen, found)
        found.none = left
        return found

    def _ending(self, name: str) -> dict[str, str]:
        ending = _path(name)
        same = self._same_base(name)
        return {i: key for i, key in same.items() if "/" in ending and f"/{_path(key)}".endswith(f"/{ending}")}

    def _same_base(self, name: str) -> dict[str, str]:
        return self._alike[base_name(name)]


def _settle(chosen: Mapping[str, dict[str, str]], found: Matches) -> list[str]:
    """Put on record what is clear or ambiguous. Returns the names that mean no image yet."""
    free = {name: {i: key for i, key in images.items() if i not in found.names} for name, images in chosen.items()}
    claims: dict[str, list[str]] = defaultdict(list)
    for name, images in chosen.items():
        if len(images) == 1 and free[name]:
            claims[next(iter(images))].append(name)
    for name, images in chosen.items():
        if len(images) > 1:
            found.several[name] = sorted(images.values())
    for image_id, names in claims.items():
        if len(names) == 1:
            found.names[image_id] = names
            continue
        for name in names:
            found.several[name] = sorted(chosen[name].values())
    settled = {name for names in found.names.values() for name in names} | found.several.keys()
    return [name for name in chosen if name not in settled]


def base_name(name: str) -> str:
    """The last part of a path, in composed Unicode: file systems and caption files differ in that."""
    return unicodedata.normalize("NFC", _path(name).rsplit("/", 1)[-1])


def _path(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").rstrip("/")
