"""Text of unknown origin (captions, file names), made safe to show."""

import unicodedata

# Controls (escape sequences begin with one), formats (bidirectional overrides among them), halves of surrogates.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_HARMLESS = {"\u00ad", "\u200c", "\u200d"}  # soft hyphen; the joiners that scripts and emoji families need


def plain(text: str) -> str:
    """One line that no terminal or page can act on: what is invisible or controls becomes U+FFFD."""
    spaced = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join(c if c in _HARMLESS or unicodedata.category(c) not in _UNSEEN else "\ufffd" for c in spaced)
