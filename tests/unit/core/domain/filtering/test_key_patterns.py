"""What fits a pattern of keys, and that an index which looks only where it is told to misses nothing of it."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.filtering.key_patterns import fits, literal_spellings


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("IMG_12*", "img_1234.JPG"),
        ("*/img_????.jpg", "2024/IMG_0001.JPG"),
        ("[a-c]*.png", "B1.PNG"),
        ("*.JPG", "été.jpg"),
        ("ÉTÉ/*", "e\u0301te\u0301/1.jpg"),
        ("e\u0301te\u0301*", "Été.jpg"),
        ("İSTANBUL*", "i̇stanbul.jpg".replace("i̇", "i")),
        ("istanbul*", "I\u0307stanbul.jpg"),
        ("ẞ*", "ß.jpg"),
        ("*ΣΑΣ*", "σας.jpg"),
        ("привет*", "ПРИВЕТ.jpg"),
        ("猫?.jpg", "猫1.jpg"),
        ("a[[]1].*", "A[1].png"),
        ("a\n*", "A\n.jpg"),
    ],
)
def test_case_and_composition_do_not_count(pattern: str, key: str) -> None:
    assert fits(pattern, key)


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("IMG_12*", "2024/IMG_1234.jpg"),
        ("STRASSE*", "straße.jpg"),
        ("stra?e*", "strasse.jpg"),
        ("cafe*", "café.jpg"),
        ("a.c", "abc"),
        ("[!a]*", "Apple.jpg"),
    ],
)
def test_letters_fit_one_for_one(pattern: str, key: str) -> None:
    assert not fits(pattern, key)


def test_no_spelling_of_a_character_is_forgotten() -> None:
    """Over all of Unicode: whatever fits a character of a pattern is looked for."""
    printable = [chr(n) for n in range(32, 127) if chr(n) not in "*?["]
    looked_for = {c: set(literal_spellings(c)[0]) for c in printable}
    alike = {c: re.compile(re.escape(c), re.IGNORECASE) for c in printable}
    any_of_them = re.compile("[ -~]", re.IGNORECASE)
    for n in range(sys.maxunicode + 1):
        for raw in {chr(n), unicodedata.normalize("NFD", chr(n))} if not 0xD800 <= n < 0xE000 else ():
            if any_of_them.fullmatch(unicodedata.normalize("NFC", raw)):
                for c in printable:
                    if alike[c].fullmatch(unicodedata.normalize("NFC", raw)):
                        assert fits(c, raw) and raw in looked_for[c], (c, raw)


_letters = st.sampled_from(
    [*"aiskmjIMG_1 2;`.-/éßK", "\u017f", "\u0130", "\u0131", "\u212a", "\u0307", "\u0331", "\u037e"]
)
_keys = st.lists(_letters, max_size=8).map("".join)


@given(_keys, st.data())
def test_what_fits_is_where_it_is_looked_for(key: str, data: st.DataObject) -> None:
    """The pattern is the key itself in another case, with parts of it replaced by wildcards."""
    pattern = ""
    for c in key:
        pattern += data.draw(st.sampled_from([c, c.swapcase(), c.upper(), "*", "?"]))
    pattern += data.draw(st.sampled_from(["", "*"]))
    if not fits(pattern, key):
        return
    begins, held = literal_spellings(pattern)
    assert not begins or key.startswith(begins)
    assert all(any(one in key for one in part) for part in held)
    assert len(begins) <= 16 and all(len(part) <= 8 for part in held)


@pytest.mark.parametrize(
    ("pattern", "begins", "held"),
    [
        ("2024/*", ("2024/",), ()),
        ("*IMG_1234*", (), (("_1234",),)),
        ("*a*", (), (("a", "A"),)),
        ("*", (), ()),
        ("é*", (), ()),
    ],
)
def test_an_index_is_asked_for_little(pattern: str, begins: tuple[str, ...], held: tuple[tuple[str, ...], ...]) -> None:
    assert literal_spellings(pattern) == (begins, held)
