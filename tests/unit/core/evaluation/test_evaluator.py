"""How well searches find what they should: the measures by hand, and the product's own ranking."""

import math

import numpy as np
import pytest

from core.domain.query import Query, TextTerm, Weights
from core.evaluation.evaluator import EvaluationSet, GroundTruth, LabelledQuestion
from core.evaluation.metrics import Figures, ndcg
from core.ports.vector_index import IndexInfo, Point
from core.search.service import SearchService
from core.text.analysis import analyse
from tests.support.fakes import COLOURS, ColourEncoder, InlineDecoder, MemoryIndex
from tests.support.made_up_images import image_id, record

ENCODER = ColourEncoder()
NAMES = list(COLOURS)[:6]
BALANCED = Weights(1, 0.5, 0.25)
ALONE = [Weights(1, 0, 0), Weights(0, 1, 0), Weights(0, 0, 1)]


def _texts(*texts: str) -> "list[np.ndarray[tuple[int], np.dtype[np.float32]]]":
    return list(ENCODER.encode_texts(texts).vectors)


def _index(points: "list[Point]") -> MemoryIndex:
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    index.upsert(points)
    return index


def _told(n: int, *captions: str, shows: str, **changes: object) -> Point:
    """A picture that people captioned, its caption vector the mean of theirs."""
    mean = np.mean(_texts(*captions), axis=0)
    vector = (mean / np.linalg.norm(mean)).astype(np.float32)
    told = {"caption_origin": "human", "captions": captions, "words": analyse(*captions)}
    changed = record(n, captions[0], **told | changes)
    return Point(changed, _texts(shows)[0], vector)


def test_the_measures_are_those_of_the_books() -> None:
    figures = Figures.of([([7, 3, 5], {3: 1.0, 9: 1.0}), ([4], {4: 1.0}), ([1, 2], {8: 1.0})])
    assert (figures.questions, figures.recall_at_1, figures.recall_at_5) == (
        3,
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
    )
    assert figures.mrr == pytest.approx((1 / 2 + 1 + 0) / 3)
    first = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    assert figures.ndcg_at_10 == pytest.approx((first + 1 + 0) / 3)
    assert ndcg([0.5, 1.0], {1: 0.5, 2: 1.0}) == pytest.approx((0.5 + 1 / math.log2(3)) / (1 + 0.5 / math.log2(3)))
    assert ndcg([1.0] * 20, dict.fromkeys(range(20), 1.0)) == 1.0
    assert Figures.of([]).questions == 0


def test_a_caption_is_not_searched_while_it_is_asked() -> None:
    """What the pictures show is misleading, so that captions alone can find them."""
    points = [_told(n, f"Rosa {n} {NAMES[n]}", f"my {NAMES[n]} thing", shows=NAMES[n - 1]) for n in range(4)]
    gallery = EvaluationSet.read(_index(points), 10)
    asked = gallery.human_questions()
    assert len(asked) == 8 and all(len(one.left) == 1 for one in asked)
    by_words = gallery.evaluate_texts(ENCODER, asked, {"words": Weights(0, 0, 1)})["words"]
    assert by_words.recall_at_1 == 1.0  # by the other caption's colour, which no other picture has
    single = [_told(n, f"Rosa {n} {NAMES[n]}", shows=NAMES[n - 1]) for n in range(4)]
    alone = EvaluationSet.read(_index(single), 10)
    figures = alone.evaluate_texts(
        ENCODER, alone.human_questions(), {"words": Weights(0, 0, 1), "caption": Weights(0, 1, 0)}
    )
    assert figures["words"].mrr == figures["caption"].mrr == 0.0  # nothing else is said of them


def test_the_same_words_are_one_question_that_all_their_pictures_answer() -> None:
    points = [
        _told(1, "A red car!", "one", shows="red"),
        _told(2, "a red car", "two", shows="red"),
        _told(3, "blue", "three", shows="blue"),
        _told(4, "blue", "three", shows="blue", content_hash=record(3).content_hash),
    ]
    gallery = EvaluationSet.read(_index(points), 10)
    asked = {one.text: one for one in gallery.human_questions()}
    assert len(asked) == 5
    assert asked["A red car!"].answers == {0, 1} and asked["A red car!"].left == {0: ("one",), 1: ("two",)}
    assert asked["blue"].answers == {2}  # its copy stands behind it
    (ranked,) = gallery.rank(ENCODER, [asked["blue"]], [Weights(1, 0, 0)])
    assert sorted(ranked[0]) == [0, 1, 2] and ranked[0][0] == 2


def test_pictures_answer_pictures_whose_captions_share_half_of_their_words() -> None:
    points = [
        _told(1, "red car beach", shows="red"),
        _told(2, "red car", shows="red black"),
        _told(3, "red car night", shows="blue"),
        _told(4, "green boat", shows="green"),
    ]
    gallery = EvaluationSet.read(_index(points), 10)
    figures = gallery.evaluate_pictures(range(4))
    assert figures.questions == 3  # nothing is like the boat
    assert figures.recall_at_1 == pytest.approx(2 / 3)  # 2 is near 1 and 1 near 2; 3 looks like neither
    known = GroundTruth({image_id(n): "boat" for n in (3, 4)}, {})
    assert gallery.evaluate_pictures(range(4), known).questions == 2


def test_what_is_known_beside_the_library_can_be_asked() -> None:
    points = [Point(record(n, NAMES[n]), _texts(NAMES[n])[0], _texts(NAMES[n])[0]) for n in range(4)]
    gallery = EvaluationSet.read(_index(points), 10)
    assert gallery.human_questions() == []
    known = GroundTruth({}, {NAMES[0]: {image_id(0)}, NAMES[1]: {image_id(1), image_id(99)}, "gone": {image_id(99)}})
    assert gallery.select_questions(known) == [
        LabelledQuestion(NAMES[0], frozenset({0})),
        LabelledQuestion(NAMES[1], frozenset({1})),
    ]
    assert gallery.evaluate_texts(ENCODER, gallery.select_questions(known), {"all": BALANCED})["all"].recall_at_1 == 1.0


def test_pictures_that_people_captioned_come_before_others_where_not_all_can_be_looked_at() -> None:
    points = [Point(record(n, "thing"), _texts(NAMES[n])[0], _texts("thing")[0]) for n in range(5)]
    points.append(_told(5, "Rosa", shows="red"))
    assert [one.id for one in EvaluationSet.read(_index(points), 3).records] == [image_id(0), image_id(1), image_id(5)]


def test_it_ranks_as_a_search_does() -> None:
    points = []
    for n in range(60):
        caption = f"{NAMES[n % 6]} thing {n % 7}" if n % 5 else None
        shown = _texts(f"{NAMES[n % 6]} {NAMES[n % 4]} {n}")[0]
        points.append(Point(record(n, caption), shown, None if caption is None else _texts(caption)[0]))
    index = _index(points)
    questions = ["red thing", f"{NAMES[2]} 3", "Rosa", f"two {NAMES[1]} things"]
    for weights in (BALANCED, *ALONE):
        service = SearchService(index, ColourEncoder, InlineDecoder, weights)  # type: ignore[arg-type]
        gallery = EvaluationSet.read(index, 100)
        ranked = gallery.rank(ENCODER, [LabelledQuestion(text, frozenset()) for text in questions], [weights])
        for text, (found,) in zip(questions, ranked, strict=True):
            hits = service.search(Query((TextTerm(text),), limit=10)).hits
            ids = [gallery.records[row].id for row in found[:10]]
            assert ids == [hit.record.id for hit in hits][: len(found)], text
