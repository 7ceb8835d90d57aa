"""Words that are almost the same."""

import pytest

from core.text.fuzzy import errors_allowed, find_similar


@pytest.mark.parametrize(
    ("word", "allowed"),
    [("stop", 0), ("total", 0), ("amount", 1), ("restaurants", 1), ("international", 2), ("a380b", 0)],
)
def test_one_letter_in_six_may_be_wrong_and_none_beside_digits(word: str, allowed: int) -> None:
    assert errors_allowed(word) == allowed


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("invoice", ["invoice", "lnvoice", "invoce", "inv0ice", "invocie"]),  # wrong, missing, a digit, swapped
        ("stop", ["stop"]),
        ("2024", ["2024"]),
        ("20245678", []),
        ("京駅", ["東京駅入口"]),
        ("voice", []),
        ("ete", ["d'ete"]),  # elided, of four letters and less
        ("hotel", ["l’hotel"]),
        ("galeries", ["all'galerie"]),
        ("l’heur", ["l'heure"]),
        ("heur", []),
    ],
)
def test_words_that_it_may_stand_for(word: str, found: list[str]) -> None:
    vocabulary = "invoice lnvoice invoce inv0ice invocie nvoce stop stob 2024 2025 20245679 東京駅入口".split()
    vocabulary += ["d'ete", "l’hotel", "l'heure", "all'galerie", "man's"]
    assert sorted(find_similar(word, vocabulary)) == sorted(found)
