"""The analyser that index, filters, mirror and facets share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import analysis


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Three RED umbrellas", ["three", "red", "umbrellas"]),
        ("a café, naïve", ["a", "cafe", "naive"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("the woman's dog", ["the", "woman's", "dog"]),
        ("red-blue_green", ["red", "blue", "green"]),
        ("2 dogs, 10 cats", ["2", "dogs", "10", "cats"]),
        ("\N{LATIN SMALL LIGATURE FI}ne", ["fine"]),
        ("?! \n\t", []),
        ("", []),
    ],
)
def test_tokens_are_lower_cased_and_folded(text: str, expected: list[str]) -> None:
    assert analysis.tokenize(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two umbrellas", ("two", "umbrella")),
        ("mice and men", ("mouse", "man")),
        ("the woman's dogs", ("woman", "dog")),
        ("the dogs' bowl", ("dog", "bowl")),
        ("a dog under a dog", ("dog", "under")),
        ("dogs dog DOG", ("dog",)),
        ("of the and a", ()),
        ("it's what they don't", ()),
        ("the man 's dog can’t, they'll, we've", ("man", "dog")),
        ("a row of cans", ("row", "can")),
        ("a t-shirt", ("t-shirt", "shirt")),
        ("tshirts", ("t-shirt",)),
        ("people at the theatre", ("person", "theater")),
        ("cafés, naïve", ("cafe", "naive")),
        ("собаки 犬 2 10th", ("собаки", "犬", "2", "10th")),
        ("autumn leaves", ("autumn", "leaf", "leave")),
        ("zorblaxes", ("zorblaxes",)),
    ],
)
def test_analyse_gives_dictionary_forms_once_each_without_stopwords(text: str, expected: tuple[str, ...]) -> None:
    assert analysis.analyse(text) == expected


@pytest.mark.parametrize("word", ["no", "not", "above", "under", "left", "right", "over", "one", "red"])
def test_words_that_tell_pictures_apart_are_kept(word: str) -> None:
    assert analysis.analyse(word)[0] == word
    assert analysis.expand_query(word) == ((word,),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dogs", (("dog",),)),
        ("leaves", (("leaf", "leave"),)),
        ("left", (("left",),)),
        ("turn left, buildings", (("turn",), ("left",), ("building",))),
        ("a T-shirt", (("t-shirt",),)),
        ("tshirt t shirt", (("t-shirt",),)),
        ("tee shirt", (("tee",), ("shirt",))),
        ("of the", ()),
    ],
)
def test_a_word_that_is_asked_means_all_that_it_may_be_a_form_of(
    text: str, expected: tuple[tuple[str, ...], ...]
) -> None:
    assert analysis.expand_query(text) == expected


@given(st.text(max_size=60))
def test_any_text_can_be_analysed(text: str) -> None:
    forms = analysis.analyse(text)
    assert len(set(forms)) == len(forms)
    assert all(form and not set(form) & set(" \t\n") for form in forms)
    assert all(any(form in asked for asked in analysis.expand_query(form)) for form in forms)
    assert all(set(asked) <= set(forms) for asked in analysis.expand_query(text))


@given(st.lists(st.sampled_from("dog cat tree house red night umbrella".split()), min_size=1, max_size=8))
def test_analysing_forms_again_changes_nothing(forms: list[str]) -> None:
    once = analysis.analyse(" ".join(forms))
    assert analysis.analyse(" ".join(once)) == once


def test_a_term_s_number_never_changes() -> None:
    assert analysis.term_id("dog") == 2074032336


def test_query_weights_name_each_form_that_is_asked_once() -> None:
    assert analysis.query_weights("the dogs and a dog") == {"dog": 1.0}
    assert analysis.query_weights("left") == {"left": 1.0}
    assert analysis.query_weights("of the") == {}
