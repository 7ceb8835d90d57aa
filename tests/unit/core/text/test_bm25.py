"""What captions and questions weigh: by the formula, exactly, and so that the right caption wins."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.analysis import analyse, query_weights, term_id
from core.text.bm25 import (
    document_weights,
    inverse_document_frequency,
    list_dimension,
    page_weights,
    pair_id,
    query_vector,
    record_weights,
)

VOCABULARY = "dog cat tree house red night umbrella car snow beach child ball".split()
_captions = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=14).map(" ".join), min_size=1, max_size=5)


def score(question: str, library: list[tuple[str, ...]]) -> list[float]:
    """Of every picture of a library, by its captions."""
    held = [analyse(*captions) for captions in library]
    holding = Counter(word for words in held for word in words)
    asked = query_vector(query_weights(question), sum(map(bool, held)), holding)
    return [
        sum(weight * document_weights(*captions).get(term, 0.0) for term, weight in asked.items())
        for captions in library
    ]


def test_a_word_weighs_the_root_of_its_mean_over_the_captions() -> None:
    weights = document_weights("a dog and a dog near the tree", "a cat")  # terms: dog, dog, near, tree; cat
    length = 1.2 * (0.25 + 0.75 * 4 / 8)
    assert weights[term_id("dog")] == pytest.approx(math.sqrt(2 * 2.2 / (2 + length) / 2), abs=1 / 1024)
    assert weights[term_id("tree")] == pytest.approx(math.sqrt(2.2 / (1 + length) / 2), abs=1 / 1024)
    pairs = {
        pair_id(term_id(one), term_id(other)) for one, other in (("dog", "near"), ("dog", "tree"), ("near", "tree"))
    }
    assert pairs < weights.keys() and pair_id(term_id("cat"), term_id("dog")) not in weights
    assert [weights[pair] for pair in pairs] == pytest.approx([2.2 / (1 + length)] * 3, abs=1 / 1024)
    words = {term_id(word) for word in ("dog", "near", "tree", "cat")}
    assert len(weights.keys() - words - pairs) == 1  # the caption as a whole; the other has too few words


def test_a_word_weighs_more_when_said_twice_or_by_more_captions_and_less_in_a_long_one() -> None:
    def dog(*captions: str) -> float:
        return document_weights(*captions)[term_id("dog")]

    assert dog("dog tree") < dog("dog dog")
    assert dog("dog tree house car boat star") < dog("dog tree")
    assert dog("dog tree", "cat", "bird") < dog("dog tree", "dog", "bird") < dog("dog tree", "dog", "dog cat")
    assert dog("dog tree", "of the") == dog("dog tree")


def test_no_words_no_weights() -> None:
    assert document_weights("of the") == document_weights() == query_vector({}, 10, {}) == {}


def test_the_rarer_a_word_the_more_it_counts() -> None:
    counted = [inverse_document_frequency(1000, holding) for holding in (0, 1, 10, 600, 1000)]
    assert counted == sorted(counted, reverse=True) and counted[-1] > 0


def test_one_caption_that_holds_all_beats_several_that_hold_parts() -> None:
    library = [("a red dog", "a house in the snow"), ("a red house", "a dog in the snow"), ("a cat",), ("a child",)]
    first, second, *_ = score("red house", library)
    assert second > first
    first, second, *_ = score("a dog in snow", library)
    assert second > first


def test_a_caption_word_for_word_beats_whatever_holds_its_words_too() -> None:
    others = [(" ".join(words), "a red dog", "a cat") for words in permutations(("red", "dog", "snow", "ball"))]
    library = [("a red dog in the snow", "a beach with a car", "an umbrella"), *others, ("a tree",) * 2]
    mine, *rest = score("A red dog, in snow", library)
    assert mine > max(rest)


def test_what_is_not_wanted_counts_against_and_is_no_pair() -> None:
    holding = {"dog": 3, "red": 3, "snow": 3}
    asked = query_vector({"dog": 1.0, "red": -0.5, "snow": 1.0}, 10, holding)
    assert asked[term_id("red")] < 0 < asked[term_id("dog")]
    assert asked.keys() == {*map(term_id, holding), pair_id(term_id("dog"), term_id("snow"))}


def test_a_question_of_very_many_words_stays_one_of_some_hundred_dimensions() -> None:
    assert len(query_vector({f"word{n}": 1.0 for n in range(200)}, 1000, {})) < 500


@given(_captions, st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12), st.integers(12, 10**8))
def test_32_bit_sums_are_exact_in_any_order(captions: list[str], question: list[str], total: int) -> None:
    """So every engine comes to the very same score, and equals are equals on all of them."""
    asked = query_vector(query_weights(" ".join(question)), total, dict.fromkeys(VOCABULARY, 1))
    document = document_weights(*captions)
    products = [weight * document[term] for term, weight in asked.items() if term in document]
    forwards = backwards = np.float32(0)
    for product in products:
        forwards += np.float32(product)
    for product in reversed(products):
        backwards += np.float32(product)
    assert float(forwards) == float(backwards) == math.fsum(products)


def test_words_and_what_stands_beside_them_never_meet() -> None:
    assert all(term_id(word) < 2**31 for word in VOCABULARY)
    ids = {pair_id(term_id(one), term_id(other)) for one in VOCABULARY for other in VOCABULARY if one < other}
    assert len(ids) == 66 and all(2**31 <= pair < 2**32 for pair in ids)
    assert pair_id(1, 2) == pair_id(2, 1) == 2**31 | ((1 << 31 | 2) * 0x9E3779B97F4A7C15 % 2**64) >> 33


def test_a_word_of_a_page_counts_however_many_lines_there_are() -> None:
    page = ["Invoice 2024 of Smith", *(f"line number {n} of a long page" for n in range(50))]
    word, alone = term_id("invoice"), page_weights("INVOICE")
    assert page_weights(*page)[word] > 0.4 * alone[word]
    assert document_weights(*page)[word] < 0.2 * alone[word], "as captions, its lines would drown it"
    both = sum(page_weights(*page)[term_id(one)] for one in ("invoice", "2024"))
    assert both > 0.85 * alone[word], "a page with both words is not far behind a sign that says one"
    assert pair_id(term_id("invoice"), term_id("2024")) in page_weights(*page)
    assert pair_id(term_id("smith"), term_id("line")) not in page_weights(*page), "words of two lines are no pair"


def test_lines_of_text_have_dimensions_and_weights_of_their_own() -> None:
    made = record_weights({"words": (), "text": ("Total due", "due today"), "place": (), "name": ()})
    assert made == {
        list_dimension(one, "text"): weight for one, weight in page_weights("Total due", "due today").items()
    }
    assert page_weights() == {}
