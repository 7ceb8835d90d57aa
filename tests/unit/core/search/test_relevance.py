"""How well an image matches: the formulas on vectors made for it, and what a search makes of them."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.adapters.models.prompt_cache import PromptCache
from core.domain.query import LikeTerm, Query, TextTerm, Weights
from core.domain.vectors import Matrix, unit
from core.errors import InvalidQuery
from core.ports.encoders import TextEncoding
from core.ports.vector_index import IndexInfo, Point
from core.search import relevance
from core.search.relevance import NullMaximum, PictureYardstick, TextYardstick
from core.search.relevance_scale import Calibration
from core.search.service import SearchService
from tests.support.fakes import COLOURS, ColourEncoder, InlineDecoder, MemoryIndex
from tests.support.made_up_images import image_id, record

ENCODER = ColourEncoder()
PAIRS = [" ".join(pair) for pair in itertools.combinations(COLOURS, 2)]
BANK = ENCODER.encode_texts([*COLOURS, *PAIRS]).vectors
NAMES = list(COLOURS)[:8]


def _bank(_: ColourEncoder) -> Matrix:
    return BANK


def _refuse() -> ColourEncoder:
    raise AssertionError("no model is needed for this")


@pytest.fixture
def index() -> MemoryIndex:
    """48 pictures of eight colours, six each, with captions that do not say them; one of them told by people."""
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    points = []
    for n in range(48):
        colour, trace = NAMES[n % 8], ENCODER.encode_texts([f"picture {n}"]).vectors[0]
        vector = unit(ENCODER.encode_texts([colour]).vectors[0] + 0.05 * trace)
        human = n == 5
        caption = "Rosa at home" if human else "a picture"
        points.append(Point(record(n, caption, caption_origin="human" if human else "generated"), vector))
    index.upsert(points)
    return index


@pytest.fixture
def service(index: MemoryIndex) -> SearchService:
    return SearchService(index, ColourEncoder, InlineDecoder, Weights(1, 0, 1), _bank)  # type: ignore[arg-type]


def _numbers(service: SearchService, query: Query) -> list[int]:
    return [hit.record.bytes - 1000 for hit in service.search(query).hits]


def test_a_text_as_near_as_the_best_prompts_is_shown_and_an_ordinary_one_is_not() -> None:
    images = ENCODER.encode_texts(["red", "blue"]).vectors
    reach = TextYardstick(BANK).reach(ENCODER.encode_texts(["red"]).vectors, images)[:, 0]
    assert reach[0] > 1 > 0.2 > reach[1]
    found = TextYardstick.strengths(reach)
    assert found[0] > relevance.STRONG and found[1] < 0.1


def test_several_texts_are_measured_as_each_alone() -> None:
    images, texts = BANK[3:40], BANK[:12]
    yardstick = TextYardstick(BANK)
    together = yardstick.reach(texts, images)
    alone = [yardstick.reach(text[np.newaxis], images)[:, 0] for text in texts]
    np.testing.assert_allclose(together, np.stack(alone, axis=1), atol=1e-6)


def test_a_profile_tells_what_the_vector_does() -> None:
    dice = np.random.default_rng(5)
    bank = unit(0.5 + dice.normal(size=(80, 24)))
    yardstick = TextYardstick(bank)
    images = unit(0.2 + dice.normal(size=(40, 24)))
    near = unit(bank[3] + 0.01 * dice.normal(size=24))  # with twins in the bank
    for text in (unit(dice.normal(size=24)), near, bank[7]):
        assert yardstick.fits_profile(text)
        found = yardstick.reach_in_profile(text, np.asarray(images @ text, np.float64), yardstick.profile(images))
        assert found == pytest.approx(yardstick.reach(text[np.newaxis], images)[:, 0], abs=1e-5)
    alike = unit(bank[:1] + 1e-4 * dice.normal(size=(60, 24)))
    assert not TextYardstick(np.concatenate([alike, bank])).fits_profile(bank[0])


def test_the_scale_of_a_models_cosines_does_not_matter() -> None:
    """A further direction that all share lifts every cosine and squeezes their differences."""
    rows = np.concatenate([BANK, ENCODER.encode_texts(["red", "blue green"]).vectors])
    lifted = unit(np.concatenate([0.3 * rows, np.full((len(rows), 1), 1.0)], axis=1))
    plain, squeezed = (TextYardstick(one[:-2]).reach(one[-2:-1], one[-2:]) for one in (rows, lifted))
    np.testing.assert_allclose(squeezed, plain, atol=2e-2)


def test_chance_rises_with_the_size_of_the_library_and_is_measured_where_it_can_be() -> None:
    dice = np.random.default_rng(1)
    scores = dice.normal(size=(512, 100))
    chance = NullMaximum.of(scores)
    assert chance.sizes == (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    assert list(chance.heights) == sorted(chance.heights)
    assert abs(chance.at(1)) < 0.05 and chance.at(512) == pytest.approx(np.median(scores.max(axis=0)))
    assert chance.at(181) == pytest.approx((chance.at(128) + chance.at(256)) / 2, abs=0.01)
    assert chance.at(1024) > chance.at(512)
    whole = scores[:, :20].max(axis=0)
    assert chance.extend(100_000, scores, whole).at(100_000) == pytest.approx(chance.at(512))
    higher = chance.extend(100_000, scores, whole + 0.25)
    assert higher.at(100_000) == pytest.approx(chance.at(512) + 0.25) and higher.at(512) == chance.at(512)


def test_random_queries_are_like_the_rest_and_the_same_every_time() -> None:
    yardstick = TextYardstick(BANK)
    drawn = yardstick.random_texts()
    assert drawn.shape == (relevance.RANDOM, ENCODER.dimension)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(drawn, TextYardstick(BANK).random_texts())
    centre = BANK.mean(axis=0)
    usual = np.median(BANK @ centre)
    assert abs(np.median(drawn @ centre) - usual) < 0.1


@pytest.mark.parametrize("rows", [3, 8, 40])
def test_principal_axes_are_those_of_the_singular_values(rows: int) -> None:
    offsets = np.random.default_rng(2).normal(size=(rows, 8)) * 0.5 ** np.arange(8)
    expected = np.linalg.svd(offsets, full_matrices=False)[2]
    found = relevance._principal_axes(offsets)
    np.testing.assert_allclose(np.abs(np.sum(found * expected, axis=1)), 1, atol=1e-9)  # either sign
    assert found.shape == expected.shape


def test_the_same_picture_is_close_however_alike_all_are() -> None:
    base = ENCODER.encode_texts(["red"]).vectors[0]
    dice = np.random.default_rng(0)
    alike = unit(base + 1e-3 * dice.normal(size=(64, len(base)))).astype(np.float32)
    yardstick = PictureYardstick(alike)
    assert yardstick.closeness(alike[:1], alike[:1])[0, 0] >= 1.7
    same = np.repeat(BANK[:1], 30, axis=0)  # of no width at all
    assert np.isfinite(PictureYardstick(same).closeness(BANK[:1], BANK[:2])).all()


def test_too_small_a_yardstick_tells_nothing(index: MemoryIndex) -> None:
    calibration = Calibration()
    assert calibration.texts(index, BANK[:19]) is None
    assert calibration.texts(index, BANK) is not None
    few = MemoryIndex(index.info)
    assert calibration.texts(few, BANK) is None and calibration.pictures(few) is None
    few.upsert([Point(record(n), BANK[n]) for n in range(19)])
    assert calibration.pictures(few) is None
    few.upsert([Point(record(19), BANK[19])])
    assert calibration.pictures(few) is not None


@pytest.mark.parametrize(("best", "said"), [([0.1, 0.9], "strong"), ([0.5], "some"), ([0.49], "none"), ([], "none")])
def test_the_best_match_decides(best: list[float], said: str) -> None:
    assert relevance.find_verdict(best) == said


def test_the_bank_holds_hundreds_of_different_prompts_and_leaves_out_what_a_model_has_no_words_for() -> None:
    prompts = relevance.prompts()
    assert len(prompts) == len(set(prompts)) > 500 and all(prompt.strip() == prompt != "" for prompt in prompts)

    class Forgetful(ColourEncoder):
        def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
            encoding = super().encode_texts(texts)
            return TextEncoding(encoding.vectors, encoding.truncated, tuple(("car",) * ("car" in t) for t in texts))

    known = [prompt for prompt in prompts if "car" not in prompt]
    np.testing.assert_array_equal(relevance.encode_bank(Forgetful()), ENCODER.encode_texts(known).vectors)


def test_what_is_there_is_strong_and_what_is_not_is_said_to_be_nothing(service: SearchService) -> None:
    found = service.search(Query((TextTerm("red"),), limit=8))
    assert found.verdict == "strong"
    strengths = [hit.strength or 0 for hit in found.hits]
    assert min(strengths[:6]) > relevance.STRONG > relevance.SOME > max(strengths[6:])
    assert service.search(Query((TextTerm("white"),))).verdict == "none"
    assert service.search(Query((TextTerm("white"),))).to_dict()["verdict"] == "none"


def test_the_verdict_is_about_the_best_whatever_is_shown(service: SearchService) -> None:
    for shown in ({"offset": 30, "limit": 3}, {"limit": 1}, {"sort": "name"}, {"min_strength": 0.99}):
        assert service.search(Query((TextTerm("red"),), **shown)).verdict == "strong"  # type: ignore[arg-type]
        assert service.search(Query((TextTerm("white"),), **shown)).verdict == "none"  # type: ignore[arg-type]


def test_without_a_question_nothing_is_strong_or_weak(service: SearchService) -> None:
    found = service.search(Query(limit=1))
    assert (found.verdict, found.hits[0].strength) == (None, None)


def test_weak_hits_are_left_out_and_pages_join(service: SearchService) -> None:
    asked = (TextTerm("red"), TextTerm("blue"))
    whole = service.search(Query(asked, limit=48, min_strength=0.3))
    assert 0 < whole.total == len(whole.hits) < 48
    assert min(hit.strength or 0 for hit in whole.hits) >= 0.3
    pages = [service.search(Query(asked, limit=5, offset=start, min_strength=0.3)) for start in range(0, 20, 5)]
    assert [hit for page in pages for hit in page.hits] == list(whole.hits)
    assert {page.total for page in pages} == {whole.total}
    everything = service.search(Query(asked, limit=48))
    assert [hit for hit in everything.hits if (hit.strength or 0) >= 0.3] == list(whole.hits)
    by_name = service.search(Query(asked, limit=48, min_strength=0.3, sort="name", within=48))
    assert sorted(hit.record.id for hit in by_name.hits) == sorted(hit.record.id for hit in whole.hits)


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan")])
def test_a_least_strength_lies_between_0_and_1(least: float) -> None:
    with pytest.raises(InvalidQuery, match="min_strength"):
        Query((TextTerm("red"),), min_strength=least)


def test_a_least_strength_takes_a_question() -> None:
    with pytest.raises(InvalidQuery, match="min_strength"):
        Query(min_strength=0.5)


def test_more_like_this_is_judged_without_a_model(index: MemoryIndex) -> None:
    service = SearchService(index, _refuse, InlineDecoder)
    found = service.search(Query((LikeTerm(image_id(0)),), limit=10))
    assert found.verdict is not None and found.hits[0].strength is not None
    assert found.hits[0].strength > (found.hits[-1].strength or 0)


def test_a_picture_of_the_library_does_not_vouch_for_itself(index: MemoryIndex) -> None:
    alone = unit(np.eye(ENCODER.dimension)[10])
    index.upsert([Point(record(99), alone)])
    found = SearchService(index, _refuse, InlineDecoder).search(Query((LikeTerm(image_id(99)),)))
    assert found.hits[0].strength is not None and found.hits[0].strength > relevance.STRONG
    assert found.verdict == "none"


def test_what_is_avoided_takes_its_share(service: SearchService) -> None:
    wanted = service.search(Query((TextTerm("red"),), limit=6)).hits
    torn = service.search(Query((TextTerm("red"), TextTerm("red orange", -0.5)), limit=48)).hits
    less = {hit.record.id: hit.strength or 0 for hit in torn}
    assert all(less[hit.record.id] < (hit.strength or 0) for hit in wanted)


def test_what_people_said_is_a_match_that_the_picture_does_not_show(service: SearchService) -> None:
    found = service.search(Query((TextTerm("Rosa"),), limit=48))
    told = {hit.record.bytes - 1000: hit.strength or 0 for hit in found.hits}
    assert told[5] >= relevance.SOME > max(strength for n, strength in told.items() if n != 5)
    assert found.verdict == "some"


def test_captions_words_alone_are_judged_by_how_many_of_them_are_held(index: MemoryIndex) -> None:
    service = SearchService(index, _refuse, InlineDecoder)
    found = service.search(Query((TextTerm("rosa abroad"),), weights=Weights(0, 0, 1)))
    assert [hit.strength for hit in found.hits] == [0.5] and found.verdict == "some"


def test_prompts_are_encoded_once_a_model_and_kept(tmp_path: Path) -> None:
    asked = []

    class Counting(ColourEncoder):
        def encode_texts(self, texts: Sequence[str]) -> TextEncoding:
            asked.append(len(texts))
            return TextEncoding(super().encode_texts(texts).vectors, (False,) * len(texts), ((),) * len(texts))

    encoder = Counting()
    kept = PromptCache(tmp_path)
    first = kept.get(encoder)
    assert kept.get(encoder) is first and len(asked) == 1
    np.testing.assert_array_equal(PromptCache(tmp_path).get(encoder), first)
    assert len(asked) == 1
    (file,) = tmp_path.iterdir()
    for damage in (b"", b"nonsense", file.read_bytes()[:-100]):
        file.write_bytes(damage)
        np.testing.assert_array_equal(PromptCache(tmp_path).get(encoder), first)
    assert len(asked) == 4
    encoder.fingerprint = "colours-2"
    kept.get(encoder)
    assert len(asked) == 5 and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    bank = PromptCache(tmp_path / "nowhere").get(ENCODER)
    np.testing.assert_array_equal(bank, relevance.encode_bank(ENCODER))


@pytest.mark.parametrize("text", ["the", ".", "!!!", "-", "and", "show me", "Show me a picture, please", "  ?  ", "_"])
def test_what_says_nothing_of_a_picture_gets_no_verdict_and_a_hint(service: SearchService, text: str) -> None:
    found = service.search(Query((TextTerm(text),), limit=5))
    assert len(found.hits) == 5 and found.verdict is None and found.matches is None
    assert all(hit.strength is None for hit in found.hits)
    assert any("says nothing of a picture" in notice for notice in found.notices)


@pytest.mark.parametrize("text", ["red", "show me red", "夜", "🐶", "show", "no", "a 4"])
def test_what_says_something_gets_no_such_hint(service: SearchService, text: str) -> None:
    wanted = text != "show"
    assert any("says nothing" in note for note in service.search(Query((TextTerm(text),))).notices) is not wanted


def test_words_without_content_beside_others_are_passed_over(service: SearchService) -> None:
    alone = service.search(Query((TextTerm("red"),), limit=6))
    beside = service.search(Query((TextTerm("red"), TextTerm("the", 0.001)), limit=6))
    assert beside.verdict == alone.verdict == "strong"
    assert any("passed over" in note for note in beside.notices)
    assert not any("no match" in note for note in beside.notices)


def test_good_matches_are_counted_beside_all(service: SearchService) -> None:
    found = service.search(Query((TextTerm("red"),), limit=2))
    assert (found.matches, found.more_matches, found.total) == (6, False, 48)
    assert found.headline == ("6 good matches", "42 weaker")
    absent = service.search(Query((TextTerm("white"),)))
    assert absent.matches == 0 and absent.headline == ("no good match", "48 weaker")
    assert service.search(Query()).headline == ("48 pictures",)


def test_where_the_best_two_hundred_are_all_good_there_may_be_more() -> None:
    index = MemoryIndex(IndexInfo("colours", ENCODER.fingerprint, ENCODER.dimension))
    points = []
    for n in range(300):
        trace = ENCODER.encode_texts([f"picture {n}"]).vectors[0]
        colour = "red" if n < 250 else NAMES[n % 7 + 1]
        points.append(Point(record(n), unit(ENCODER.encode_texts([colour]).vectors[0] + 0.05 * trace)))
    index.upsert(points)
    service = SearchService(index, ColourEncoder, InlineDecoder, Weights(1, 0, 0), _bank)
    found = service.search(Query((TextTerm("red"),)))
    assert (found.matches, found.more_matches) == (200, True)
    assert found.headline == ("200 good matches or more", "of 300 pictures")


def test_what_a_model_wrote_counts_where_the_picture_does_not_speak_against_it(index: MemoryIndex) -> None:
    service = SearchService(index, ColourEncoder, InlineDecoder, Weights(1, 0, 1), _bank)
    red, white = ENCODER.encode_texts(["red", "white"]).vectors
    for n, vector in ((77, unit(red - 0.3 * white)), (78, unit(red + 0.1 * white))):
        index.upsert([Point(record(n, "something white", caption_origin="generated"), vector)])
    found = {hit.record.id: hit for hit in service.search(Query((TextTerm("white"),), limit=50)).hits}
    against, unsure = found[record(77).id], found[record(78).id]
    assert against.matched == unsure.matched == ("white",)
    assert (against.strength or 0) < relevance.SOME == unsure.strength


def test_nothing_is_a_match_that_chance_finds_as_well(service: SearchService, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.search(Query((TextTerm("red"),), limit=6)).verdict == "strong"
    monkeypatch.setattr(NullMaximum, "at", lambda *_: 10.0)
    found = service.search(Query((TextTerm("red"),), limit=6))
    assert found.verdict == "none" and found.matches == 0
    assert max(hit.strength or 0 for hit in found.hits) < relevance.SOME
