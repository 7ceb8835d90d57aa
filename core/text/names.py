"""The words in the names of files and folders."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

_WEB_PATH = re.compile(r"https?://[^/?#]*([^?#]*)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_APART = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_LETTERS = re.compile(r"[^\W\d_]")
_LONGEST = 1024  # characters of a key, its end, that are read
_MOST = 32  # words of a key, its last

# What cameras, phones and programs call what they make: "IMG_1234", "DSC01234", "100CANON", "PXL_2023", "Screenshot".
_DEVICE = frozenset(
    """acr andro apple burst canon cimg copy dcim dji dsc dscf dscn dscs dsch export exports fb fuji gopr hdr image
    images img imgp jpeg jpg kodak mfc mov mvimg nikon nikond olymp olympus orf pana pano panasonic pentx photo photos
    pic pics pict picture pictures png px pxl raw received rimg sam samsung scan screenshot sony thumb thumbs tif tiff
    untitled vid video wa webp whatsapp wp""".split()
)
_YEAR = re.compile(r"(?:19|20)\d\d")
# Hexadecimal; or long, with digits in two places at least, as no name of words and a year has ("Rome2019WithAnna").
_HASH = re.compile(r"(?=[0-9a-f]*\d)[0-9a-f]{8,}|(?=.*\d\D+\d)[0-9A-Za-z]{20,}", re.IGNORECASE)
_PREFIX = re.compile(r"[0-9a-f]{2}")  # of a hash, as in "ab/cd/abcd….jpg"
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


@lru_cache(maxsize=4096)
def read_name(key: str, uri: str = "") -> tuple[str, ...]:
    """Return the words in a picture's key (its path within the source), as one text; nothing where it has none.

    Words are told apart by what is no letter, by digits and by capitals: "Trips/beachParty_2023.jpg" is "Trips beach
    Party 2023". Of numbers only years are kept. What cameras and programs write is left out: "DCIM/100CANON/IMG_1234",
    hashes and UUIDs. The key of a web address is the whole of it, of which the path alone tells anything.
    Percent-encoding is undone, and letters of which the accents stand apart (macOS) are put together.
    """
    web = _WEB_PATH.match(uri)
    path = _compose(_decode_percent((web[1] if web else key)[-_LONGEST:]))
    bare = _UUID.sub(" ", _EXTENSION.sub("", path))
    words = [word for part in _APART.split(bare) for word in _read_part(part)]
    return (" ".join(words[-_MOST:]),) if words else ()


def _read_part(part: str) -> tuple[str, ...]:
    """Return the words in a part of a name. What is more than digits recurs: folders, and what cameras write."""
    if part.isascii() and part.isdecimal():
        return (part,) if _YEAR.fullmatch(part) else ()
    return _read_lettered(part)


@lru_cache(maxsize=4096)
def _read_lettered(part: str) -> tuple[str, ...]:
    if part.casefold() in _DEVICE or _is_hash(part):
        return ()
    return tuple(word for word in _DIGITS.sub(" ", _CAMEL.sub(" ", part)).split() if _tells(word))


def _decode_percent(path: str) -> str:
    """Decode "%20" and the like, where all of them together are UTF-8: "20%dark" is not."""
    try:
        return unquote(path, errors="strict")
    except UnicodeError:
        return path


def _compose(path: str) -> str:
    """Put accents and their letters together (NFC), and leave out marks for which there is no such letter."""
    if path.isascii():
        return path
    return "".join(one for one in unicodedata.normalize("NFC", path) if not unicodedata.combining(one))


def _is_hash(part: str) -> bool:
    return bool(_HASH.fullmatch(part) or _PREFIX.fullmatch(part))


def _tells(word: str) -> bool:
    """Say whether a word may tell of a picture: a year, or letters that no device writes."""
    if not _LETTERS.search(word):
        return bool(_YEAR.fullmatch(word))
    return word.casefold() not in _DEVICE and (len(word) > 1 or not word.isascii())
