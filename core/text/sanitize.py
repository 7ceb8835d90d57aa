"""Text of unknown origin (captions, names of files), made safe to show on a page or a terminal."""

import unicodedata

# Controls (escape sequences begin with one), formats (bidirectional overrides among them), halves of surrogates.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_HARMLESS = {"\u00ad", "\u200c", "\u200d"}  # soft hyphen; the joiners that scripts and emoji families need


def plain(text: str) -> str:
    """Make one line of text for people: line ends become blanks, unsafe characters become U+FFFD."""
    spaced = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join("\ufffd" if _is_unsafe(c) else c for c in spaced)


def printable(text: str) -> str:
    """Make one line of text for a terminal: unsafe characters are escaped, so that they can still be read."""
    return "".join(c.encode("unicode_escape").decode("ascii") if _is_unsafe(c) else c for c in text)


def printable_lines(text: str) -> str:
    """Escape as `printable` does, in a message of several lines."""
    return "\n".join(map(printable, text.split("\n")))


def _is_unsafe(character: str) -> bool:
    """Tell whether a terminal or a page may act on the character, or display nothing for it."""
    if character.isprintable():  # most are, and this is fast
        return False
    return character not in _HARMLESS and unicodedata.category(character) in _UNSAFE
