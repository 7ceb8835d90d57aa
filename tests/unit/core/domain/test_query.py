"""What may be asked, and what a filter means."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.filtering.conditions import Match, Missing
from core.domain.filtering.filters import EVERYTHING, FAILED, INDEXED, UNCAPTIONED, Condition, Filter, caption_words
from core.domain.query import MAX_LIMIT, MAX_TEXT, ImageTerm, LikeTerm, Query, TextTerm, Weights, merge_weights
from core.errors import InvalidQuery

ID = "00000000-0000-5000-8000-000000000001"
DOG_AT_NIGHT = {"words": ["dog", "night"], "status": "indexed", "source": "/a"}


def _terms(weight: float) -> list[Callable[[], object]]:
    return [
        lambda: TextTerm("dog", weight),
        lambda: ImageTerm(b"x", weight),
        lambda: LikeTerm(ID, weight),
    ]


@pytest.mark.parametrize("weight", [0, float("nan"), float("inf"), -101, 100.5])
def test_weights_out_of_range_are_refused_on_every_term(weight: float) -> None:
    for make in _terms(weight):
        with pytest.raises(InvalidQuery, match="weight"):
            make()


@pytest.mark.parametrize("weight", [-100, -0.001, 1, 100])
def test_weights_within_range_are_taken(weight: float) -> None:
    for make in _terms(weight):
        make()


@pytest.mark.parametrize("text", ["", "  ", "\n\t", "x" * (MAX_TEXT + 1), "a dog \udcff"])
def test_texts_that_cannot_be_asked(text: str) -> None:
    with pytest.raises(InvalidQuery, match="text"):
        TextTerm(text)


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(InvalidQuery, match="image"):
        ImageTerm(b"")


@pytest.mark.parametrize("image_id", ["", "1", "../etc/passwd", ID.upper() + "A", ID + "\n", "{" + ID + "}"])
def test_what_is_no_id_is_refused(image_id: str) -> None:
    with pytest.raises(InvalidQuery, match="like"):
        LikeTerm(image_id)


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": MAX_LIMIT + 1}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": MAX_LIMIT + 1}, "offset"),
        ({"terms": (TextTerm("dog", -1),)}, "weight"),
    ],
)
def test_queries_that_cannot_be_asked(kwargs: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        Query(**kwargs)
    assert caught.value.field == field


def test_an_error_names_field_value_and_remedy() -> None:
    with pytest.raises(InvalidQuery) as caught:
        Query(limit=0)
    assert str(caught.value) == f"limit: got 0, takes a number from 1 to {MAX_LIMIT}"
    assert caught.value.exit_code == 2


def test_browsing_needs_no_terms() -> None:
    assert Query() == Query(terms=(), filter=EVERYTHING, limit=20, offset=0)


@pytest.mark.parametrize(
    ("condition", "payload", "holds"),
    [
        (Match("words", ("dog",)), DOG_AT_NIGHT, True),
        (Match("words", ("cat", "dog")), DOG_AT_NIGHT, True),
        (Match("words", ("cat",)), DOG_AT_NIGHT, False),
        (Match("source", ("/a",)), DOG_AT_NIGHT, True),
        (Match("source", ("/",)), DOG_AT_NIGHT, False),
        (Match("captioner", ("x",)), DOG_AT_NIGHT, False),
        (Missing("captioner"), DOG_AT_NIGHT, True),
        (Missing("source"), DOG_AT_NIGHT, False),
        (Missing("words"), {"words": []}, True),
        (Missing("words"), {"words": ["dog"]}, False),
    ],
)
def test_one_condition(condition: Condition, payload: dict[str, Any], holds: bool) -> None:
    assert Filter(all=(condition,)).matches(payload) is holds
    assert Filter(any=(condition,)).matches(payload) is holds
    assert Filter(none=(condition,)).matches(payload) is not holds


def test_all_any_and_none_hold_together() -> None:
    dog, cat, night = (Match("words", (word,)) for word in ("dog", "cat", "night"))
    assert Filter(all=(dog,), any=(cat, night), none=(cat,)).matches(DOG_AT_NIGHT)
    assert not Filter(all=(dog, cat)).matches(DOG_AT_NIGHT)
    assert not Filter(all=(dog,), none=(night,)).matches(DOG_AT_NIGHT)
    assert Filter(all=(Filter(any=(cat, dog)),), none=(Filter(all=(dog, cat)),)).matches(DOG_AT_NIGHT)


def test_an_empty_filter_lets_everything_pass() -> None:
    assert not EVERYTHING
    assert EVERYTHING.matches({}) and EVERYTHING.matches(DOG_AT_NIGHT)


FILTERS = st.recursive(
    st.builds(lambda word: Filter(all=(Match("words", (word,)),)), st.sampled_from(["dog", "cat", "night"])),
    lambda inner: st.builds(
        lambda a, b, c: Filter(all=tuple(a), any=tuple(b), none=tuple(c)),
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2),
    ),
    max_leaves=6,
)
PAYLOADS = st.builds(lambda words: {"words": words}, st.lists(st.sampled_from(["dog", "cat", "night", "tree"])))


@given(FILTERS, FILTERS, PAYLOADS)
def test_and_means_both(one: Filter, other: Filter, payload: dict[str, Any]) -> None:
    assert (one & other).matches(payload) == (one.matches(payload) and other.matches(payload))
    assert one & EVERYTHING == one == EVERYTHING & one or not one


def test_the_states_of_an_image() -> None:
    failed = {"status": "failed"}
    captioned = {"status": "indexed", "content_hash": "ab", "caption_origin": "generated"}
    waiting = {"status": "indexed", "content_hash": "ab"}
    imported = {"status": "indexed"}
    states = {"indexed": INDEXED, "failed": FAILED, "uncaptioned": UNCAPTIONED}
    payloads = (failed, captioned, waiting, imported)
    found = [{name for name, state in states.items() if state.matches(p)} for p in payloads]
    assert found == [{"failed"}, {"indexed"}, {"indexed", "uncaptioned"}, {"indexed"}]


def test_unknown_fields_and_empty_values_are_refused() -> None:
    with pytest.raises(InvalidQuery, match="filter field"):
        Match("colour", ("red",))  # type: ignore[arg-type]
    with pytest.raises(InvalidQuery, match="at least one value"):
        Match("words", ())


def test_caption_words_are_matched_in_any_inflection() -> None:
    wanted = caption_words(must=["Dogs"], any_of=["night", "evenings"], none_of=["cats"])
    assert wanted.matches({"words": ["dog", "night"]})
    assert wanted.matches({"words": ["dog", "evening"]})
    assert not wanted.matches({"words": ["dog"]})
    assert not wanted.matches({"words": ["dog", "night", "cat"]})
    assert not wanted.matches({"words": ["night"]})


def test_an_entry_of_several_words_means_all_of_them() -> None:
    assert caption_words(must=["red cars"]).matches({"words": ["car", "blue", "red"]})
    assert not caption_words(must=["red cars"]).matches({"words": ["red"]})
    either = caption_words(any_of=["red car", "dog"])
    assert either.matches({"words": ["dog"]}) and not either.matches({"words": ["car"]})
    without = caption_words(none_of=["red car"])
    assert without.matches({"words": ["red"]}) and not without.matches({"words": ["red", "car"]})


@pytest.mark.parametrize("entry", ["", " ", "the", "of a", "?!"])
@pytest.mark.parametrize(("field", "kwarg"), [("must", "must"), ("any", "any_of"), ("not", "none_of")])
def test_entries_without_a_searchable_word_are_refused(field: str, kwarg: str, entry: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        caption_words(**{kwarg: [entry]})
    assert caught.value.field == field


def test_no_caption_words_is_no_filter() -> None:
    assert caption_words() == EVERYTHING


def test_weights_that_are_not_given_are_the_usual_ones() -> None:
    usual = Weights(0.5, 0.3, 4)
    assert merge_weights({"image": 2}, usual) == Weights(2, 0.3, 4)
    assert merge_weights({"words": 0, "caption": 1}, usual) == Weights(0.5, 1, 0)
    assert merge_weights({}, usual) == usual
    with pytest.raises(InvalidQuery, match="colour"):
        merge_weights({"colour": 1}, usual)
    with pytest.raises(InvalidQuery, match="at least one weight over 0"):
        merge_weights({"image": 0}, Weights.only(image=1))
