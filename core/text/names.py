"""The words in the names of files and folders."""

import re
from urllib.parse import unquote, urlsplit

_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_APART = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")


def read_name(key: str, uri: str = "") -> tuple[str, ...]:
    """Return the words in a picture's key (its path within the source), as one text; nothing where it has none.

    Words are told apart by what is no letter, by digits and by capitals: "Trips/beachParty_2023.jpg" is "Trips beach
    Party 2023". The key of a web address is the whole of it, of which the path alone tells anything.
    """
    path = unquote(urlsplit(uri).path) if uri.startswith(("http://", "https://")) else key
    bare = _EXTENSION.sub("", path)
    words = _APART.sub(" ", _DIGITS.sub(" ", _CAMEL.sub(" ", bare))).split()
    text = " ".join(words)
    return (text,) if text else ()
