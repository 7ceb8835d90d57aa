"""What an answer tells of how its question was understood."""

from collections.abc import Iterator

import pytest

from core.domain.filtering.filters import Filter
from core.domain.query import Query, TextTerm
from core.ports.vector_index import IndexInfo
from core.query_language import hints
from core.query_language.hints import write_hints
from core.search.request import compile_terms
from tests.support.fakes import MemoryIndex
from tests.support.made_up_images import failed_point, point


@pytest.fixture
def index() -> Iterator[MemoryIndex]:
    made = MemoryIndex(IndexInfo("colours", "colours-1", 16))
    made.upsert([point(n, "a red car" if n % 2 else "a dog", key=f"IMG_{n:04}.jpg") for n in range(1, 7)])
    made.upsert([failed_point(9)])
    yield made


def told(question: str, index: MemoryIndex, total: int = 1, filter: Filter | None = None) -> list[str]:
    return write_hints(Query(**compile_terms([TextTerm(question)], filter or Filter())), index, total)


def test_a_question_without_operators_costs_nothing(index: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "count", None)
    assert told("a red car", index) == []
    assert told("car -red", index) == ["read as: without “red” (raw, the very words are searched)"]


def test_every_operator_is_told_as_a_sentence(index: MemoryIndex) -> None:
    (line,) = told('-red "a dog" -"a cat" file:IMG* -file:raw/ taken:2019 -taken:2020', index)
    assert line == (
        "read as: without “red”, only captions that say “a dog”, no caption that says “a cat”, only files “IMG*”, "
        "no files “raw/”, only pictures taken 2019, not taken 2020 (raw, the very words are searched)"
    )


def test_what_files_say_of_themselves_is_told_as_a_sentence(index: MemoryIndex) -> None:
    (line,) = told(
        "camera:canon -lens:50mm near:48.1,11.6,5km rating:4.. -keyword:sea person:Anna incomplete:no", index
    )
    assert line == (
        "read as: only pictures taken with “canon”, not taken through “50mm”, only pictures taken near 48.1,11.6,5km, "
        "only pictures rated 4.., not filed under “sea”, only pictures of “Anna”, only whole pictures (raw, the very "
        "words are searched)"
    )
    (line,) = told("text:invoice -text:draft", index)
    assert line.startswith("read as: only pictures that show “invoice”, no pictures that show “draft” (")
    assert told("incomplete:yes", index)[0].startswith("read as: only incomplete pictures")
    assert told("-incomplete:yes", index)[0].startswith("read as: only whole pictures")


def test_a_part_of_a_word_of_a_name_is_offered_as_a_pattern(index: MemoryIndex) -> None:
    made = point(11, "a dog", lens="RF50mm F1.8 STM", camera="Canon EOS R5m2")
    index.upsert([made])
    assert told("lens:50mm", index, total=0)[1:] == [
        "no picture is known to be taken through “50mm”; lens:*50mm* finds 1 picture"
    ]
    assert told('camera:"eos r5"', index, total=0)[1:] == [
        'no picture is known to be taken with “eos r5”; camera:"*eos r5*" finds 1 picture'
    ]
    assert told("lens:85mm", index, total=0)[1:] == ["no picture is known to be taken through “85mm”"]
    assert told("dog -keyword:sea lens:*r50*", index, total=0)[1:] == [
        "no picture is known to be taken through “*r50*”"
    ]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("file:nowhere", "no file is called “nowhere”"),
        ("car taken:1990s", "no picture is known to be taken 1990..1999"),
        ('"red dog"', "no caption says “red dog”: without the quotes, pictures are searched for it"),
        ("camera:canon", "no picture is known to be taken with “canon”"),
        ("near:0,0,1km", "no picture is known to be taken near 0,0,1km"),
        ("incomplete:YES", "every picture is whole"),
        ("-incomplete:no", "“-incomplete:no” leaves out every picture"),
        ("-file:img", "“-file:img” leaves out every picture"),
        ("file:img_0001 dog -car", "no picture passes all of that together"),
    ],
)
def test_what_lets_nothing_pass_is_named(index: MemoryIndex, question: str, said: str) -> None:
    assert told(question, index, 0)[1:] == [said]


def test_a_page_beyond_the_end_is_not_taken_for_nothing(index: MemoryIndex) -> None:
    assert len(told("file:img", index, 0)) == 1


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("IMG_0003", ["“IMG_0003” is searched as words; file:IMG_0003 finds 1 picture"]),
        ("img_000* dog", ["“img_000*” is searched as words; file:img_000* finds 6 pictures"]),
        ("IMG_0009", ["“IMG_0009” is searched as words, and no file is called so"]),
        ("a dog boeing-747", []),
        (
            "a dog, 2026",
            ["“2026” is searched as words; taken:2026 finds nothing: no picture is known to be taken then"],
        ),
    ],
)
def test_guesses_are_counted(index: MemoryIndex, question: str, said: list[str]) -> None:
    assert told(question, index) == said


def test_guesses_are_counted_among_what_the_filter_lets_pass(index: MemoryIndex) -> None:
    found = "“IMG_000*” is searched as words; file:IMG_000* finds 3 pictures"
    assert told("IMG_000* -car", index)[1] == found
    found = "“IMG_0003” is searched as words; file:IMG_0003 finds 1 picture, none of which passes the filters"
    assert told("IMG_0003 -car", index)[1] == found
    assert told("IMG_0009 -car", index)[1] == "“IMG_0009” is searched as words, and no file is called so"


def test_of_too_many_pictures_names_are_not_counted(index: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "MAX_COUNTED", 5)
    assert told("IMG_0003", index) == ["“IMG_0003” is searched as words; file:IMG_0003 finds files that are called so"]
    assert told("a dog boeing-747", index) == []


def test_what_is_very_long_is_told_in_short(index: MemoryIndex) -> None:
    long = "x" * 900
    for line in (*told(f'-{long} file:{long} "{long}" dog', index, 0), *told(f"taken:{long}", index)):
        assert len(line) < 500
