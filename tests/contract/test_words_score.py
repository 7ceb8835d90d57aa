"""One words score everywhere: library and mirror say the very same number, whatever was written, optimised, deleted."""

import json
import random
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.adapters.faiss_mirror.builder import build
from core.adapters.faiss_mirror.index import FaissMirror
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.qdrant_server.index import QdrantIndex
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import EVERYTHING, Filter
from core.domain.image import ListName
from core.ports.rank_lists import Probe
from core.ports.vector_index import CaptionUpdate, Point, SearchableIndex, VectorIndex
from core.text import analysis
from core.text.analysis import query_weights
from tests.contract.conftest import BACKENDS, INFO
from tests.support.fakes import MemoryIndex
from tests.support.index_queries import best_words
from tests.support.made_up_images import image_id, point, vector

SAID = ["red", "dogs", "dog", "a cat", "in the snow", "leaves", "umbrella", "running", "the beach", "two children"]
QUESTIONS = (
    "dog",
    "red dog cat",
    "a cat in the snow",
    "leaves on the beach",
    "two red dogs running in the snow",
    "zebra",
)
ROOT = Path(__file__).parents[2]
FLICKR = ROOT.parent / "shared" / "data" / "clip_vectors" / "flickr_b32.json"
COCO = ROOT.parent / "shared" / "data" / "photos" / "captions.json"

_captions = st.lists(st.lists(st.sampled_from(SAID), min_size=1, max_size=5).map(" ".join), max_size=5).map(tuple)
_ids = st.integers(1, 15)
_writes = st.one_of(
    st.tuples(st.just("upsert"), st.lists(st.tuples(_ids, _captions), min_size=1, max_size=8)),
    st.tuples(st.just("caption"), st.lists(st.tuples(_ids, _captions), min_size=1, max_size=4)),
    st.tuples(st.just("delete"), st.lists(_ids, min_size=1, max_size=6)),
    st.tuples(st.just("optimize"), st.none()),
    st.tuples(st.just("search"), st.none()),
)


def told(n: int, captions: tuple[str, ...]) -> Point:
    if not captions:
        return point(n)
    return point(n, captions[0], captions=captions, words=analysis.analyse(*captions), caption_origin="human")


def write(index: VectorIndex, kind: str, what: Any) -> None:
    match kind:
        case "upsert":
            index.upsert([told(n, captions) for n, captions in what])
        case "caption":
            updates = (
                CaptionUpdate(image_id(n), (said or ("",))[0], "human", None, None, vector(n) if said else None, said)
                for n, said in what
            )
            index.set_captions(list(updates))
        case "delete":
            index.delete([image_id(n) for n in what])
        case "optimize" if isinstance(index, EdgeIndex):
            with index._writing() as shard:
                shard.optimize()
        case "search":
            answers(index)


def answers(index: SearchableIndex, questions: tuple[str, ...] = QUESTIONS, limit: int = 20) -> list[Any]:
    """Every score, of all that is found, of a filter, of a shortlist, and of some images by their ids."""
    found = []
    for question in questions:
        probe = Probe("words", terms=query_weights(question) | {"umbrella": -0.5})
        reds = Filter(all=(Match("words", ("red", "cat")),))
        name: ListName = "words"
        found += [
            index.ranking(probe, EVERYTHING, limit=limit),
            index.ranking(probe, reds, limit=limit),
            index.shortlists([probe], EVERYTHING, limit=limit)[name].ranking,
            sorted(index.scores([probe], [image_id(n) for n in range(1, 8)])[name].items()),
            [(hit.record.id, hit.score) for hit in best_words(index, query_weights(question), limit=limit)],
        ]
    return found


@contextmanager
def mirrored(index: VectorIndex, folder: Path) -> Iterator[FaissMirror]:
    build(index, MirrorFolder(folder), "float32", rows=7)
    with closing(FaissMirror(folder, threads=1)) as mirror:
        yield mirror


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(_writes, min_size=1, max_size=8))
def test_after_any_sequence_of_writes(folder: Path, sequence: list[tuple[str, Any]]) -> None:
    place = folder / uuid.uuid4().hex
    brute = MemoryIndex(INFO)
    for name in [name for name in BACKENDS if name not in ("memory", "mirror")]:
        with closing(BACKENDS[name](place / name)) as index:
            for kind, what in sequence:
                write(index, kind, what)
                if index.backend == "edge":
                    write(brute, kind, what)
            wanted = answers(brute)
            assert answers(index) == wanted
            with mirrored(index, place / f"{name}-mirror") as mirror:
                assert answers(mirror) == wanted


def test_deleted_pictures_count_no_more(folder: Path) -> None:
    _delete_dogs(folder, 400, 60, 55)


@pytest.mark.soak
def test_deleted_pictures_of_a_large_library_count_no_more(folder: Path) -> None:
    _delete_dogs(folder, 12_000, 300, 290)


def _delete_dogs(folder: Path, count: int, dogs: int, deleted: int) -> None:
    """Captions, optimised, and then nearly every dog deleted."""
    dice = random.Random(7)
    others = ["cat", "house", "beach", "red car", "snow", "two children", "umbrella"]
    points = [
        told(n, (f"a {'dog and a ' if n <= dogs else ''}{dice.choice(others)} by the {dice.choice(others)}",))
        for n in range(1, count + 1)
    ]
    wanted = MemoryIndex(INFO)
    wanted.upsert(points[deleted:])
    with closing(EdgeIndex.create(folder / "index", INFO)) as index:
        index.upsert(points)
        write(index, "optimize", None)
        index.delete([image_id(n) for n in range(1, deleted + 1)])
        expected = answers(wanted, ("dog cat",), 50)
        assert answers(index, ("dog cat",), 50) == expected
        with mirrored(index, folder / "mirror") as mirror:
            assert answers(mirror, ("dog cat",), 50) == expected


def test_what_another_process_writes_on_a_server_counts_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    from qdrant_client import QdrantClient

    from core.adapters.qdrant_server.client import Server

    now = [0.0]
    with closing(QdrantClient(":memory:")) as client:
        mine = QdrantIndex.create(Server(client, "in memory"), "library", INFO)
        mine._frequencies._clock = lambda: now[0]
        mine.upsert([told(n, ("a dog",) if n < 3 else ("a cat",)) for n in range(1, 9)])
        before = best_words(mine, {"dog": 1.0}, limit=5)
        QdrantIndex.open(Server(client, "in memory"), "library").delete([image_id(8)])
        assert best_words(mine, {"dog": 1.0}, limit=5) == before
        now[0] += 11
        assert best_words(mine, {"dog": 1.0}, limit=5)[0].score != before[0].score
        mine.delete([image_id(7)])
        brute = MemoryIndex(INFO)
        brute.upsert([told(n, ("a dog",) if n < 3 else ("a cat",)) for n in range(1, 7)])
        assert answers(mine, ("dog",)) == answers(brute, ("dog",))


@pytest.mark.skipif(not FLICKR.is_file(), reason="the real captions are not here")
def test_real_captions_find_their_pictures(folder: Path) -> None:
    """R@1 by words alone, on the embedded library: typed verbatim, and each caption asked of the other four."""
    library = _real_captions()
    with closing(EdgeIndex.create(folder / "index", INFO)) as index:
        index.upsert([told(n, captions) for n, captions in enumerate(library, 1)])
        first = [_first(index, one) == image_id(n) for n, captions in enumerate(library, 1) for one in captions]
        assert sum(first) / len(first) >= 0.99
        for asked in range(5):
            index.upsert([told(n, tuple(_without(captions, asked))) for n, captions in enumerate(library, 1)])
            left = [_first(index, captions[asked]) == image_id(n) for n, captions in enumerate(library, 1)]
            assert sum(left) / len(left) >= 0.65


def _real_captions() -> list[list[str]]:
    found = [one["captions"] for one in json.loads(FLICKR.read_text())["pictures"] if len(one["captions"]) == 5]
    others: dict[int, list[str]] = {}
    for one in json.loads(COCO.read_text())["annotations"]:
        others.setdefault(one["image_id"], []).append(one["caption"])
    return found + [captions[:5] for captions in others.values() if len(captions) >= 5]


def _without(captions: list[str], asked: int) -> list[str]:
    return [caption for n, caption in enumerate(captions) if n != asked]


def _first(index: VectorIndex, question: str) -> str | None:
    ranking = index.ranking(Probe("words", terms=query_weights(question)), EVERYTHING, limit=2)
    return ranking[0][0] if ranking and (len(ranking) < 2 or ranking[0][1] > ranking[1][1]) else None
