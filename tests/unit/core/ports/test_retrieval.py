"""The scores of a question's pool: what is known is not asked again."""

from collections.abc import Mapping, Sequence

from core.domain.vectors import Vector
from core.ports.rank_lists import Probe, Shortlist
from core.ports.retrieval import Unscored, complete_scores
from tests.support.made_up_images import vector

IMAGE: Vector = vector(1)


def shortlist(whole: bool = False, **scores: float) -> Shortlist:
    return Shortlist(sorted(scores.items(), key=lambda one: -one[1]), 1.0, 0.0, whole)


def test_lists_are_asked_for_what_others_alone_have_found() -> None:
    probes = [
        Probe("image", IMAGE),
        Probe("caption", IMAGE),
        Probe("words", terms={"dog": 1.0}),
        Probe("text", terms={"dog": 1.0}),
        Probe("name", terms={"cat": -1.0}),  # seeks nothing, and scores what others find
    ]
    shortlists = {
        "image": shortlist(a=0.9, b=0.8),  # the others are no better than the last, which counts as nothing
        "caption": Shortlist([("a", 0.9)], best=0.9, last=0.9 - 1e-7),  # as near: all count as the best
        "words": shortlist(b=2.0, c=1.0),
        "text": shortlist(whole=True, d=3.0),
    }
    asked: dict[str, Sequence[str]] = {}

    def ask(open: Sequence[Unscored]) -> list[Mapping[str, float]]:
        asked.update((probe.list, ids) for probe, ids in open)
        return [dict.fromkeys(ids, 0.1) for _, ids in open]

    scores = complete_scores(probes, shortlists, ask, exact=True)  # type: ignore[arg-type]
    assert asked == {"caption": ["b", "c", "d"], "words": ["a", "d"], "name": ["a", "b", "c", "d"]}
    assert scores == {
        "image": {"a": 0.9, "b": 0.8},
        "caption": {"a": 0.9, "b": 0.1, "c": 0.1, "d": 0.1},
        "words": {"b": 2.0, "c": 1.0, "a": 0.1, "d": 0.1},
        "text": {"d": 3.0},
        "name": dict.fromkeys("abcd", 0.1),
    }


def test_an_approximate_list_is_asked_for_all_that_others_found() -> None:
    shortlists = {"image": shortlist(a=0.9), "words": shortlist(whole=True, b=2.0)}
    probes = [Probe("image", IMAGE), Probe("words", terms={"dog": 1.0})]

    def ask(open: Sequence[Unscored]) -> list[Mapping[str, float]]:
        assert [(probe.list, list(ids)) for probe, ids in open] == [("image", ["b"])]
        return [{"b": 0.95}]

    scores = complete_scores(probes, shortlists, ask)  # type: ignore[arg-type]
    assert scores == {"image": {"a": 0.9, "b": 0.95}, "words": {"b": 2.0}}


def test_nothing_is_asked_where_all_is_known() -> None:
    def ask(open: Sequence[Unscored]) -> list[Mapping[str, float]]:
        raise AssertionError(open)

    probes = [Probe("image", IMAGE), Probe("words", terms={"dog": 1.0})]
    shortlists = {"image": shortlist(a=0.9), "words": shortlist(whole=True, a=2.0)}
    found = complete_scores(probes, shortlists, ask, exact=True)  # type: ignore[arg-type]
    assert found == {"image": {"a": 0.9}, "words": {"a": 2.0}}
    assert complete_scores(probes, {}, ask) == {"image": {}, "words": {}}
