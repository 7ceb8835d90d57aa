"""What the names of columns and fields say: names of pictures, their addresses, and captions."""

import re
from collections.abc import Sequence
from functools import lru_cache

# of a picture's name, the likeliest first
PICTURE_NAMES = (
    *("image", "image_name", "file_name", "filename", "file", "image_path", "file_path", "filepath", "path", "key"),
    *("img", "name", "image_file", "image_filename", "image_file_name", "img_path", "img_name", "photo", "picture"),
    *("image_filepath", "image_file_path", "image_src", "uri", "url", "image_url", "img_url", "image_link", "src"),
    *("coco_url", "flickr_url", "image_id", "img_id", "id"),
)
_WORDS = (
    r"(?:(?:image|img|picture|pic|photo|alt|reference|human|user|original|clean|en|english)_)*"
    r"(?:captions?|text|txt|alt|title|description|desc|sentences?|headline)"
    r"(?:_(?:clean|en|english|text|list))?(?:_?\d+)?"
)
_CAPTION = re.compile(rf"{_WORDS}|caption_(?:reference|attribution|alt_text)_description")
_NEARLY_CAPTION = re.compile(r"(?:raw(?:_captions?|_text)?|labels?|comments?|prompt)(?:_?\d+)?")
_PARENT = re.compile(rf"image|img|picture|photo|media|meta|metadata|data|json|sample|item|{_WORDS}")
_PAGE = re.compile(r"page|landing|permalink|licen[cs]e|author|profile|descript|credit")
_PAGE_WORDS = frozenset(("user", "owner", "host", "post", "article", "site", "website", "html", "creator", "source"))
_SMALL = re.compile(r"thumb|preview|avatar|icon|logo|small|tiny|square")
_PICTURE = re.compile(r"picture|photo|media|download|original|content")
_PICTURE_WORDS = frozenset(("pic", "src", "full", "large"))
_ADDRESS_WORDS = frozenset(("url", "urls", "link", "uri", "href", "address"))


@lru_cache(4096)
def normalize_name(name: str) -> str:
    """Return a name in lower case, its words joined by underscores: "Image URL" and "imageUrl" are image_url."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", apart).strip("_").lower()


def find_captions(names: Sequence[str]) -> list[int]:
    """Return which of these columns hold captions: those that are called so, else those that may well be meant."""
    normal = [normalize_name(_strip_parents(name)) for name in names]
    for pattern in (_CAPTION, _NEARLY_CAPTION):
        if found := [n for n, name in enumerate(normal) if pattern.fullmatch(name)]:
            return found
    return []


def _strip_parents(name: str) -> str:
    """Return a dotted name without the structures around it, where these are about the picture."""
    *parents, own = name.split(".")
    return own if all(_PARENT.fullmatch(normalize_name(each)) for each in parents) else name


def find_picture_names(names: Sequence[str]) -> list[int]:
    """Return which of these columns name the picture, the likeliest first."""
    normal = [normalize_name(name) for name in names]
    several = [name.removesuffix("s") for name in normal]  # columns of JSON are called in the plural
    found = (each.index(name) for name in PICTURE_NAMES for each in (normal, several) if name in each)
    return list(dict.fromkeys(found))


def rank_address(name: str) -> int:
    """Rank the name of a column of addresses: 0 is surely the picture's, 3 says nothing, 5 is surely another's.

    A page's address, or a licence's, leads to no picture; a thumbnail's leads to a small one.
    """
    normal = normalize_name(name)
    parts = set(normal.split("_"))
    if _PAGE.search(normal) or parts & _PAGE_WORDS:
        return 5
    if _SMALL.search(normal):
        return 4
    if "image" in normal or "img" in normal:
        return 0
    if _PICTURE.search(normal) or parts & _PICTURE_WORDS:
        return 1
    return 2 if parts & _ADDRESS_WORDS or normal.endswith("url") else 3
