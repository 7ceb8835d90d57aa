"""Which image a name in a caption file means: pure decisions, tested without a disk."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

_SUFFIX = re.compile(r".*\.[A-Za-z][A-Za-z0-9]{1,4}", re.DOTALL)


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

    A name means the image that it names from the folder of the file, else the one whose key or address it is.
    Else it means the image whose key ends with it, folder by folder; else the image of the same base name.
    A name without the suffix of a picture means the image whose key without its suffix it is, in the same ways.
    Where several images, or several names, would do, nothing is guessed.
    """

    def __init__(self, names: Iterable[str], folder: str = "") -> None:
        """`folder` is the uri of the folder that the file is in."""
        self._names = list(names)
        self._folder = folder + "/" if folder else ""
        self._beside: dict[str, dict[str, str]] = {name: {} for name in self._names}
        self._exact: dict[str, dict[str, str]] = {name: {} for name in self._names}
        self._alike: dict[str, dict[str, str]] = {get_base_name(name): {} for name in self._names}
        self._stems: dict[str, dict[str, str]] = {
            base: {} for name in self._names if not _SUFFIX.fullmatch(base := get_base_name(name))
        }

    def add_image(self, image_id: str, key: str, uri: str) -> None:
        """Offer an image. It is kept where a name may mean it."""
        if self._folder and uri.startswith(self._folder):
            near = unquote(uri.removeprefix(self._folder))
            if near in self._beside:
                self._beside[near][image_id] = key
        for name in (key, uri):
            if name in self._exact:
                self._exact[name][image_id] = key
        alike = self._alike.get(get_base_name(key))
        if alike is not None:
            alike[image_id] = key
        stem = self._stems.get(_strip_suffix(get_base_name(key)))
        if stem is not None:
            stem[image_id] = key

    def match(self) -> NameMatches:
        """Decide what every name means, among the images that were offered."""
        found = NameMatches()
        left = self._names
        for candidates in (
            self._beside.__getitem__,
            self._exact.__getitem__,
            self._find_by_ending,
            self._find_by_base_name,
            self._find_by_stem_ending,
            self._find_by_stem,
        ):
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

    def _find_by_stem_ending(self, name: str) -> dict[str, str]:
        ending, same = _normalize(name), self._find_by_stem(name)
        return {
            i: key
            for i, key in same.items()
            if "/" in ending and f"/{_strip_suffix(_normalize(key))}".endswith(f"/{ending}")
        }

    def _find_by_stem(self, name: str) -> dict[str, str]:
        return self._stems.get(get_base_name(name), {})


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


def _strip_suffix(name: str) -> str:
    return name.rpartition(".")[0] or name


def _normalize(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").rstrip("/")
