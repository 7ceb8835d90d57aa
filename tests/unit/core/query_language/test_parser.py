"""What people type becomes what they mean, and everything else stays as it was typed."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.domain.filtering.conditions import Phrase
from core.domain.filtering.filters import Filter, caption_words
from core.domain.query import MAX_TEXT, LikeTerm, Query, TextTerm
from core.errors import InvalidQuery
from core.query_language.parser import MAX_OPERATORS, parse
from core.search.request import AWAY, compile_terms
from tests.support.made_up_images import image_id
from tests.support.question_cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.typed)
def test_every_case_means_what_the_table_says(case: Case) -> None:
    parsed = parse(case.typed)
    told = compile_terms([TextTerm(case.typed)])["interpretation"]
    assert parsed.text == case.looked_for
    assert parsed.avoided == case.avoided
    assert tuple((one.kind, one.value, one.leaves_out) for one in parsed.interpretation.operators) == case.operators
    assert tuple(guess.operator.typed for guess in told.guesses) == case.guesses
    assert len(told.remarks) == case.remarks


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.typed)
def test_raw_every_case_is_text(case: Case) -> None:
    assert compile_terms([TextTerm(case.typed)], raw=True) == {
        "terms": (TextTerm(case.typed),),
        "filter": Filter(),
        "interpretation": Query().interpretation,
    }


@pytest.mark.parametrize("case", [case for case in CASES if case.guesses], ids=lambda case: case.typed)
def test_what_a_guess_says_to_type_is_that_operator(case: Case) -> None:
    for guess in parse(case.typed).interpretation.guesses:
        assert parse(guess.operator.typed).interpretation.operators == (guess.operator,)


def test_the_filter_is_that_of_the_options() -> None:
    assert parse("umbrella -red").filter == Filter(all=(caption_words(none_of=["red"]),))
    assert parse('"a red umbrella"').filter == Filter(all=(Filter(all=(Phrase("a red umbrella"),)),))


@pytest.mark.parametrize(
    ("question", "fitting", "other"),
    [
        ("file:IMG_12*", ["IMG_1234.jpg", "2024/img_12.JPG"], ["XIMG_12.jpg", "2024/IMG_3.jpg"]),
        ("file:IMG_12", ["IMG_1234.jpg", "2024/my-img_12.png", "img_12/a.jpg"], ["IMG_1.jpg"]),
        ("file:2024/*", ["2024/a.jpg", "photos/2024/b/c.jpg"], ["2024.jpg", "x2024/a.jpg"]),
        ("file:/2024/", ["2024/a.jpg"], ["photos/2024/b.jpg"]),
        ("file:/2024/*.png", ["2024/a/b.PNG"], ["photos/2024/b.png", "2024/a.jpg"]),
        ("file:a[1].png", ["a[1].png", "A1.PNG"], ["a2.png"]),
        ("file:a[1", ["a[1].png"], ["a1.png"]),
        ("file:IMG_?.jpg", ["img_1.jpg"], ["IMG_12.jpg"]),
        ("-file:raw/", ["a.jpg"], ["raw/a.jpg"]),
    ],
)
def test_names_of_files(question: str, fitting: list[str], other: list[str]) -> None:
    filter = parse(question).filter
    assert [key for key in fitting + other if filter.matches({"key": key})] == fitting


def test_what_is_left_out_pushes_away_where_anything_is_looked_for() -> None:
    like = LikeTerm(image_id(1))
    assert compile_terms([TextTerm("umbrella -red", 2)])["terms"] == (
        TextTerm("umbrella", 2),
        TextTerm("red", 2 * AWAY),
    )
    assert compile_terms([TextTerm("-red"), like])["terms"] == (like, TextTerm("red", AWAY))
    assert compile_terms([TextTerm("-red")])["terms"] == ()


def test_what_is_to_be_avoided_is_no_question() -> None:
    avoided = TextTerm('-red "x" file:y', -1)
    assert compile_terms([TextTerm("umbrella"), avoided])["terms"] == (TextTerm("umbrella"), avoided)


def test_several_texts_are_several_questions() -> None:
    made = compile_terms([TextTerm("star -red"), TextTerm("bell -blue")], caption_words(must=["night"]))
    assert made["terms"] == (
        *(TextTerm("star"), TextTerm("bell")),
        *(TextTerm("red", AWAY), TextTerm("blue", AWAY)),
    )
    told = {"words": ["star", "night"], "status": "indexed"}
    assert made["filter"].matches(told)
    assert not made["filter"].matches(told | {"words": ["star"]})
    assert not made["filter"].matches(told | {"words": ["star", "night", "blue"]})


def test_too_many_operators_are_refused_with_the_way_out() -> None:
    many = " ".join(f"-a{n}" for n in range(MAX_OPERATORS + 1))
    with pytest.raises(InvalidQuery, match="raw"):
        compile_terms([TextTerm(many)])
    assert compile_terms([TextTerm(many)], raw=True)["terms"] == (TextTerm(many),)
    Query(**compile_terms([TextTerm("dog " + many.rsplit(" ", 1)[0])]))


@pytest.mark.parametrize("part", ['"a ', "-", "file:", "a_", "1_", "“", "a*", "2019 ", "\\-", "..", "-a://", "“a"])
def test_long_questions_are_read_at_once(part: str) -> None:
    text = (part * MAX_TEXT)[: MAX_TEXT - 1] + "!"
    started = time.perf_counter()
    try:
        parse(text)
    except InvalidQuery:
        pass
    assert time.perf_counter() - started < 5


_parts = st.sampled_from(
    [
        "-",
        "red",
        '"',
        " ",
        "“",
        "”",
        "file:",
        "taken:",
        "2019",
        "IMG_12",
        "*",
        "\\",
        "(",
        ")",
        ",",
        "..",
        "é",
        "\n",
        "the",
    ]
)


@given(st.lists(_parts, max_size=12).map("".join) | st.text(max_size=40))
@example("\ud800 -a\udfff")
def test_any_text_is_read_and_nothing_is_made_up(text: str) -> None:
    parsed = parse(text)
    if not parsed.interpretation.operators and "\\" not in text:
        assert parsed.text == text
    words_typed = set(text.split())
    for part in (parsed.text, *parsed.avoided):
        assert all(any(word in typed for typed in words_typed) or "\\" in text or '"' in text for word in part.split())
    assert all(operator.typed in text for operator in parsed.interpretation.operators)
    for payload in ({"key": "IMG_12.jpg", "words": ["red"], "caption": "red"}, {"key": "a"}):
        parsed.filter.matches(payload)
