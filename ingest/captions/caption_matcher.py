"""Which image a name in a caption file means: pure decisions, tested without a disk."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class NameMatches:
    """What the names of a file mean.

    `names` of each image, by its id.
    `ambiguous` names, each with the keys of the images that it could be.
    `unmatched` names are of no image.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    ambiguous: dict[str, list[str]] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)


class CaptionMatcher:
    """Matches the names of one file with images, one image after the other.

    A name means the image whose key or address it is.
    Else it means the image whose key ends with it, folder by folder; else the image of the same base name.
    Where several images, or several names, would do, nothing is guessed.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._exact: dict[str, dict[str, str]] = {name: {} for name in self._names}
        self._alike: dict[str, dict[str, str]] = {get_base_name(name): {} for name in self._names}

    def add_image(self, image_id: str, key: str, uri: str) -> None:
        """Offer an image. It is kept where a name may mean it."""
        for name in (key, uri):
            if name in self._exact:
                self._exact[name][image_id] = key
        alike = self._alike.get(get_base_name(key))
        if alike is not None:
            alike[image_id] = key

    def match(self) -> NameMatches:
        """Decide what every name means, among the images that were offered."""
        found = NameMatches()
        left = self._names
        for candidates in (self._exact.__getitem__, self._find_by_ending, self._find_by_base_name):
            chosen = {name: candidates(name) for name in left}
            left = _settle(chosen, found)
        found.unmatched = left
        return found

    def _find_by_ending(self, name: str) -> dict[str, str]:
        ending = _normalize(name)
        same = self._find_by_base_name(name)
        return {i: key for i, key in same.items() if "/" in ending and f"/{_normalize(key)}".endswith(f"/{ending}")}

    def _find_by_base_name(self, name: str) -> dict[str, str]:
        return self._alike[get_base_name(name)]


def _settle(chosen: Mapping[str, dict[str, str]], found: NameMatches) -> list[str]:
    """Record the names that are clear or ambiguous. Return those that mean no image yet."""
    free = {name: {i: key for i, key in images.items() if i not in found.names} for name, images in chosen.items()}
    claims: dict[str, list[str]] = defaultdict(list)
    for name, images in chosen.items():
        if len(images) == 1 and free[name]:
            claims[next(iter(images))].append(name)
    for name, images in chosen.items():
        if len(images) > 1:
            found.ambiguous[name] = sorted(images.values())
    for image_id, names in claims.items():
        if len(names) == 1:
            found.names[image_id] = names
            continue
        for name in names:
            found.ambiguous[name] = sorted(chosen[name].values())
    settled = {name for names in found.names.values() for name in names} | found.ambiguous.keys()
    return [name for name in chosen if name not in settled]


def get_base_name(name: str) -> str:
    """Return the last part of a path, in composed Unicode: file systems and caption files differ in that."""
    return unicodedata.normalize("NFC", _normalize(name).rsplit("/", 1)[-1])


def _normalize(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").rstrip("/")
