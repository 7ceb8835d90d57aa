"""One question as one batch of requests: every list's shortlist, and the scores of them all in every list.

The request of a list has the shortlists of all lists as its prefetches, and scores what these find by its own query. So
its best are its shortlist, and the rest are those of the other lists. The server passes the filter on to the
prefetches. Several shards come to more candidates than a request returns; what is cut off can be scored afterwards.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qdrant_client import models

from core.adapters.index_base.index import clamp
from core.domain.image import ListName, find_jpeg_id
from core.ports.rank_lists import Probe, Ranking, Shortlist

SHOWN = ["content_hash", "source", "key", "pair"]  # payload fields that folding asks for

EXACT = models.SearchParams(exact=True, quantization=models.QuantizationSearchParams(ignore=True))
NEAR = models.SearchParams(quantization=models.QuantizationSearchParams(rescore=True, oversampling=2.0))


@dataclass(frozen=True, slots=True)
class Batch:
    """The requests of one question. `queries` are those of the lists that are asked; others hold nothing of it.

    `short` are lists of words that hold fewer images than a shortlist: what other lists find has no score there.
    """

    probes: Sequence[Probe]
    queries: Mapping[ListName, Any]
    limit: int
    short: frozenset[ListName] = frozenset()

    def width(self, probe: Probe) -> int:
        """How many images the request of a list returns at most."""
        return self.limit if self._stands_alone(probe) else self.limit * max(1, len(self._seeking))

    @property
    def _seeking(self) -> list[Probe]:
        return [probe for probe in self.probes if probe.seeks and probe.list in self.queries]

    @property
    def _asked(self) -> list[Probe]:
        return [probe for probe in self.probes if probe.list in self.queries] if self._seeking else []

    def requests(self, filter: models.Filter | None) -> list[models.QueryRequest]:
        """Those of the lists that are asked, in their order. None where nothing can be found."""
        prefetch = [
            models.Prefetch(
                query=self.queries[probe.list], using=_vector_name(probe), limit=self.limit, params=_params(probe, NEAR)
            )
            for probe in self._seeking
        ]
        everywhere = all(probe.list != "image" for probe in self._asked)  # else every image found is in that list
        return [
            models.QueryRequest(
                prefetch=None if self._stands_alone(probe) else prefetch,
                query=self.queries[probe.list],
                using=_vector_name(probe),
                filter=filter,
                limit=self.width(probe),
                params=_params(probe, NEAR if self._stands_alone(probe) else EXACT),
                with_payload=SHOWN if everywhere or probe.list == "image" else False,
            )
            for probe in self._asked
        ]

    def _stands_alone(self, probe: Probe) -> bool:
        """Whether no other list finds what this one may score."""
        return len(self._asked) == 1 or (probe.list in self.short and probe.seeks)

    def read(self, answers: Sequence[models.QueryResponse]) -> "Found":
        """Take the shortlists and the scores out of the answers to `requests`."""
        scored: dict[ListName, Ranking] = {
            probe.list: clamp(probe, [(str(point.id), point.score) for point in answer.points])
            for probe, answer in zip(self._asked, answers, strict=True)
        }
        payloads = {str(point.id): point.payload for answer in answers for point in answer.points if point.payload}
        return Found(scored, payloads)


@dataclass(frozen=True, slots=True)
class Found:
    """What the requests of a batch returned: images with their scores by list, and some payload of them all."""

    scored: Mapping[ListName, Ranking]
    payloads: Mapping[str, Mapping[str, Any]]

    def shortlists(self, probes: Sequence[Probe], limit: int) -> dict[ListName, Shortlist]:
        """The best `limit` of the lists that seek."""
        return {
            probe.list: Shortlist.cut(self.scored.get(probe.list, ())[:limit], limit) for probe in probes if probe.seeks
        }


def read_hashes(payloads: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """Return the content hashes of images, None for one that has none."""
    return {image_id: held.get("content_hash") for image_id, held in payloads.items()}


def read_raws(payloads: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return those images that are RAWs and have a JPEG, each with its id."""
    found = {i: find_jpeg_id(held["source"], held["key"], held.get("pair")) for i, held in payloads.items()}
    return {image_id: jpeg for image_id, jpeg in found.items() if jpeg is not None}


def list_pool(shortlists: Iterable[Shortlist]) -> list[str]:
    """The images that are on any shortlist, each once."""
    return list(dict.fromkeys(image_id for shortlist in shortlists for image_id, _ in shortlist.ranking))


def find_unscored(found: Found, batch: Batch, shortlists: Mapping[ListName, Shortlist]) -> list[str]:
    """Images on any shortlist that a list may have a score for whose answer was full."""
    pool = list_pool(shortlists.values())
    unscored: dict[str, None] = {}
    for probe in batch.probes:
        scored = found.scored.get(probe.list, ())
        if len(scored) >= batch.width(probe):
            known = {image_id for image_id, _ in scored}
            unscored |= dict.fromkeys(image_id for image_id in pool if image_id not in known)
    return list(unscored)


def _vector_name(probe: Probe) -> str:
    return "words" if probe.vector is None else probe.list


def _params(probe: Probe, dense: models.SearchParams) -> models.SearchParams | None:
    return None if probe.vector is None else dense
