"""The words in the names of files and folders."""

import re
from urllib.parse import unquote, urlsplit

_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_APART = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_LETTERS = re.compile(r"[^\W\d_]")
_LONGEST = 1024  # characters of a key, its end, that are read
_MOST = 32  # words of a key, its last

# What cameras, phones and programs call what they make: "IMG_1234", "DSC01234", "100CANON", "PXL_2023", "Screenshot".
_DEVICE = frozenset(
    """acr andro apple burst canon cimg copy dcim dsc dscf dscn dscs dsch export exports fuji gopr hdr image images img
    imgp jpeg jpg kodak mfc mov mvimg nikon nikond olymp olympus orf pana pano panasonic pentx photo photos pic pics
    pict picture pictures png pxl raw rimg sam samsung scan screenshot sony thumb thumbs tif tiff untitled vid video wa
    webp wp""".split()
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_HASH = re.compile(r"(?=[0-9a-f]*\d)[0-9a-f]{8,}|(?=.*\d.*\d)(?=.*[A-Za-z])[0-9A-Za-z]{20,}", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


def read_name(key: str, uri: str = "") -> tuple[str, ...]:
    """Return the words in a picture's key (its path within the source), as one text; nothing where it has none.

    Words are told apart by what is no letter, by digits and by capitals: "Trips/beachParty_2023.jpg" is "Trips beach
    Party 2023". Of numbers only years are kept. What cameras and programs write is left out: "DCIM/100CANON/IMG_1234",
    hashes and UUIDs. The key of a web address is the whole of it, of which the path alone tells anything.
    """
    path = unquote(urlsplit(uri).path) if uri.startswith(("http://", "https://")) else key
    bare = _UUID.sub(" ", _EXTENSION.sub("", path[-_LONGEST:]))
    parts = (part for part in _APART.split(bare) if part and not _HASH.fullmatch(part))
    words = [word for part in parts for word in _DIGITS.sub(" ", _CAMEL.sub(" ", part)).split() if _tells(word)]
    return (" ".join(words[-_MOST:]),) if words else ()


def _tells(word: str) -> bool:
    """Say whether a word may tell of a picture: a year, or letters that no device writes."""
    if not _LETTERS.search(word):
        return bool(_YEAR.fullmatch(word))
    return word.casefold() not in _DEVICE and (len(word) > 1 or not word.isascii())
