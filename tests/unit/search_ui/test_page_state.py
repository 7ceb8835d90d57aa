"""The page's state to and from its address, and on to a query."""

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.filtering.filters import caption_words
from core.domain.query import MAX_LIMIT, ImageTerm, LikeTerm, Query, TextTerm
from core.errors import InvalidQuery
from core.query_language.parser import MAX_OPERATORS, parse
from core.search.request import AWAY
from search_ui.page.page_state import PAGE, PageState, from_params, split_caption_words, to_params

ID = str(uuid.UUID(int=7))
PICTURE = "0123456789abcdef" * 2

ids = st.none() | st.uuids().map(str)
chips = st.lists(
    st.text(min_size=1, max_size=40).map(lambda text: " ".join(text.split())).filter(bool), max_size=5, unique=True
).map(tuple)
picks = st.lists(
    st.tuples(st.sampled_from(["word", "source"]), st.text(min_size=1, max_size=40))
    | st.tuples(st.sampled_from(["taken", "modified"]), st.integers(1, 9999).map("{:04}".format))
    | st.tuples(st.just("orientation"), st.sampled_from(["landscape", "portrait", "square"])),
    max_size=5,
    unique=True,
).map(tuple)
states = st.builds(
    PageState,
    text=st.text(max_size=200).map(str.strip),
    must=chips,
    any_of=chips,
    none_of=chips,
    only=picks,
    without=picks,
    like=ids,
    upload=st.none() | st.uuids().map(lambda value: value.hex),
    balance=st.integers(0, 100),
    min_strength=st.integers(0, 100),
    diversity=st.integers(0, 100),
    limit=st.integers(PAGE, MAX_LIMIT),
    view=ids,
    copies=st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
    duplicates=st.booleans(),
    raw=st.booleans(),
)


@given(states)
def test_a_state_survives_its_address(state: PageState) -> None:
    assert from_params(to_params(state)) == state


def test_an_untouched_page_has_a_bare_address() -> None:
    assert to_params(PageState()) == {}
    assert from_params({}) == PageState()


@given(
    st.dictionaries(
        st.sampled_from("q must any not only without like picture w s v n view copies show raw".split()),
        st.lists(st.text()),
    )
)
def test_any_address_opens(params: dict[str, list[str]]) -> None:
    state = from_params(params)
    assert from_params(to_params(state)) == state
    assert 0 <= state.balance <= 100
    assert PAGE <= state.limit <= MAX_LIMIT


@pytest.mark.parametrize(
    ("params", "field", "value"),
    [
        ({"w": ["150"]}, "balance", 100),
        ({"w": ["-3"]}, "balance", 50),
        ({"w": ["²"]}, "balance", 50),
        ({"n": ["99999999999"]}, "limit", PAGE),
        ({"n": ["1"]}, "limit", PAGE),
        ({"like": ["../../etc/passwd"]}, "like", None),
        ({"view": [ID.upper().replace("0", "A")]}, "view", None),
        ({"picture": ["abc"]}, "upload", None),
        ({"must": [" red  car ", "red car", ""]}, "must", ("red car",)),
        ({"only": ["taken:24", "taken:0000", "colour:red", "word", "word:", "taken:²024"]}, "only", ()),
        ({"without": ["orientation:round", "source:s3://b/c:d"]}, "without", (("source", "s3://b/c:d"),)),
        ({"q": ["first", "last"]}, "text", "last"),
    ],
)
def test_what_makes_no_sense_counts_as_absent(params: dict[str, list[str]], field: str, value: object) -> None:
    assert getattr(from_params(params), field) == value


def test_words_alone() -> None:
    state = PageState(text="red car", balance=90, must=("dogs",), none_of=("night",))
    assert state.query(None) == Query((TextTerm("red car"),), caption_words(["dogs"], [], ["night"]), limit=PAGE)


def test_words_and_pictures_share_the_question() -> None:
    state = PageState(text="at night", like=ID, upload=PICTURE, balance=75)
    assert state.query(b"jpeg").terms == (TextTerm("at night", 0.25), LikeTerm(ID, 0.75), ImageTerm(b"jpeg", 0.75))


@pytest.mark.parametrize(("balance", "term"), [(0, TextTerm("at night")), (100, LikeTerm(ID))])
def test_at_the_end_of_the_scale_one_of_them_counts(balance: int, term: TextTerm | LikeTerm) -> None:
    assert PageState(text="at night", like=ID, balance=balance).query(None).terms == (term,)


def test_the_operators_of_a_question_narrow_down_beside_the_picks() -> None:
    state = PageState(text='star -red "at night" file:IMG*', must=("blue",), only=(("taken", "2024"),))
    query = state.query(None)
    assert query.terms == (TextTerm("star at night"), TextTerm("red", AWAY))
    seen = {"words": ["star", "blue", "night"], "caption": "a blue star at night", "key": "img_1.jpg"}
    seen |= {"taken_at": "2024-02-03T00:00:00+00:00"}
    for filter in (query.filter, state.filter, caption_words(["blue"]) & state.rest):
        assert filter.matches(seen)
        for change in ({"words": ["red", "blue"]}, {"caption": "night"}, {"key": "1.jpg"}, {"taken_at": None}):
            assert not filter.matches(seen | change)
    assert state.browse_query().terms == () and state.browse_query().filter == query.filter


def test_a_question_of_operators_alone_browses() -> None:
    state = PageState(text="file:IMG* -red", min_strength=50, diversity=50)
    assert not state.asks and not state.has_text
    query = state.query(None)
    assert query.terms == () and query.filter and query.min_strength == query.diversity == 0
    like = replace(state, like=ID)
    assert like.asks and not like.blends
    assert like.query(None).terms == (LikeTerm(ID), TextTerm("red", AWAY))


def test_a_picture_alone_counts_and_the_operators_of_the_words_still_do() -> None:
    query = PageState(text="at night -red file:IMG*", like=ID, balance=100).query(None)
    assert query.terms == (LikeTerm(ID),)
    assert query.filter == parse("-red file:IMG*").filter


def test_raw_the_very_words_are_asked() -> None:
    state = PageState(text="star -red file:IMG*", raw=True)
    assert state.query(None) == Query((TextTerm("star -red file:IMG*"),), limit=PAGE)
    assert state.asks and state.is_raw and state.question() != replace(state, raw=False).question()
    assert not PageState(raw=True).is_raw and PageState(raw=True).question() == PageState()


def test_a_question_that_cannot_be_asked_says_so_only_when_it_is_asked() -> None:
    state = PageState(text=" ".join(f"-a{n}" for n in range(MAX_OPERATORS + 1)))
    assert state.asks and not state.filter
    with pytest.raises(InvalidQuery, match="operators"):
        state.query(None)


def test_picks_narrow_down() -> None:
    picked = PageState(
        must=("blue",),
        only=(("word", "red"), ("word", "dog"), ("taken", "2023"), ("taken", "2024")),
        without=(("orientation", "square"),),
    )
    passing = picked.query(None).filter
    seen = {"words": ["red", "dog", "blue"], "taken_at": "2024-02-03T00:00:00+00:00", "aspect": 1.5}
    assert passing.matches(seen)
    for change in ({"words": ["red", "blue"]}, {"taken_at": "2025-01-01T00:00:00+00:00"}, {"aspect": 1.0}):
        assert not passing.matches(seen | change)
    assert picked.drop_pick(("word", "dog")).only == (("word", "red"), ("taken", "2023"), ("taken", "2024"))


def test_nothing_asked_browses() -> None:
    query = PageState(upload=PICTURE).query(None)
    assert query.terms == ()
    assert not PageState(must=("red",)).asks


def test_opening_a_picture_asks_nothing_new_and_asking_closes_it() -> None:
    state = PageState(text="car", view=ID, limit=3 * PAGE)
    assert state.question() == PageState(text="car", limit=3 * PAGE)
    assert state.change_question(must=("red",)) == PageState(text="car", must=("red",))


def test_balance_is_no_part_of_a_question_that_does_not_blend() -> None:
    assert PageState(text="car", balance=10).question() == PageState(text="car", balance=90).question()
    assert (
        PageState(text="car", like=ID, balance=10).question() != PageState(text="car", like=ID, balance=90).question()
    )


def test_chips_that_no_caption_can_hold_are_told_apart() -> None:
    assert split_caption_words(["dog", "the", "!?", "red car", "dog"]) == (("dog", "red car"), ("the", "!?"))


def test_a_link_with_a_useless_chip_says_so() -> None:
    with pytest.raises(InvalidQuery, match="must"):
        from_params({"must": ["the"]}).query(None)


def test_a_least_strength_counts_where_there_is_something_to_compare_with() -> None:
    assert PageState(text="a dog", min_strength=50).query(None).min_strength == 0.5
    assert PageState(min_strength=50).query(None).min_strength == 0
    assert PageState(upload=PICTURE, min_strength=50).query(None).min_strength == 0
    assert PageState(min_strength=50).question() == PageState().question()
    assert from_params({"s": ["150"]}).min_strength == 100


def test_variety_counts_where_there_is_something_to_compare_with() -> None:
    assert PageState(text="a dog", diversity=70).query(None).diversity == 0.7
    assert PageState(diversity=70).query(None).diversity == 0
    assert PageState(upload=PICTURE, diversity=70).query(None).diversity == 0
    assert PageState(diversity=70).question() == PageState().question()
    assert PageState(text="a dog", diversity=70).question() != PageState(text="a dog").question()
    assert PageState(text="a dog", diversity=70).change_question(text="a cat").diversity == 70
    assert from_params({"v": ["150"]}).diversity == 100


def test_all_chosen_words_that_are_written_in_a_picture_are_required() -> None:
    state = PageState(only=(("text", "ticket"), ("text", "1001"), ("has_text", "yes")))
    assert state.facet_filter.matches({"text_words": ["ticket", "1001"]})
    assert not state.facet_filter.matches({"text_words": ["ticket", "1002"]})
    assert from_params(to_params(state)) == state
