"""Other spellings of names."""

import pytest

from core.text.spelling import find_other_words, spell_plainly


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Łódź", "lodz"),
        ("Tromsø", "tromso"),
        ("Đà Nẵng", "da nang"),
        ("DİYARBAKIR", "diyarbakir"),
        ("Diyarbak\u0131r", "diyarbakir"),
        ("Ærøskøbing", "aeroskobing"),
        ("L\u2019Aquila", "l'aquila"),
        ("Nuku\u2018alofa", "nuku'alofa"),
        ("東京", "東京"),
    ],
)
def test_names_are_spelled_as_keyboards_have_them(name: str, plain: str) -> None:
    assert spell_plainly(name) == plain


def test_a_name_of_plain_letters_has_no_other_words() -> None:
    assert find_other_words(["Lisbon", "São Paulo", "Zürich", "New York City"]) == ()
    assert find_other_words(["L'Aquila"]) == ("laquila", "l", "aquila", "l\u2019aquila")
