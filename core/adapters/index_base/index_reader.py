"""The primitives that an index answers itself, as one question sees it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from core.domain.filtering.conditions import Keyword
from core.domain.filtering.filters import Filter
from core.domain.image import ImageRecord, to_payload
from core.domain.picture_texts import PictureTexts
from core.domain.query import Sort
from core.domain.vectors import Vector
from core.ports.rank_lists import Probe
from core.ports.vector_index import DenseName


class IndexReader(ABC):
    """An index as one question sees it: the primitives that IndexBase makes its answers of.

    Ids that it is given are valid, and given once. The vectors of its probes are (D,) float32 unit vectors.
    """

    @property
    def stamp(self) -> str | None:
        """Name the state of the index: another after every write. None where nobody knows."""
        return None

    @abstractmethod
    def records(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Read the records of those ids that are there."""

    def passing(self, ids: Sequence[str], filter: Filter) -> dict[str, ImageRecord]:
        """Read the records of those of the ids that are there and pass. There is at least one id."""
        return {
            image_id: record for image_id, record in self.records(ids).items() if filter.matches(to_payload(record))
        }

    @abstractmethod
    def texts(self, ids: Sequence[str], words: Sequence[Sequence[str]]) -> dict[str, PictureTexts]:
        """Read what is said of those ids that are there. There is at least one id.

        What does not hold all of the words, each in any of its forms, may be left out.
        """

    @abstractmethod
    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Read the content hashes of those ids that have one."""

    @abstractmethod
    def vectors(self, ids: Sequence[str], name: DenseName) -> dict[str, Vector]:
        """Read the named vectors of those ids that have one, as (D,) float32."""

    @abstractmethod
    def page(self, filter: Filter, start: str | None, limit: int) -> list[ImageRecord]:
        """Read up to `limit` records in ascending order of id, from the id `start` on."""

    @abstractmethod
    def ids(self, filter: Filter, limit: int) -> Iterable[str]:
        """List the first `limit` ids in ascending order."""

    @abstractmethod
    def ordered_ids(self, by: Sort, filter: Filter, limit: int, offset: int, *, reverse: bool) -> list[str]:
        """List ids `offset` to `offset` + `limit` in the order of core.domain.sort_orders.in_order."""

    @abstractmethod
    def search(
        self, probes: Sequence[Probe], filter: Filter, limit: int, *, exact: bool
    ) -> Sequence[Iterable[tuple[str, float]]]:
        """Find the best `limit` of every probe's list, with their scores, equals in any order.

        Unless `exact`, the approximate index may serve.
        """

    def compares_all(self, filter: Filter) -> bool:
        """Whether `search` compares all vectors that pass, so that even an approximate answer misses none."""
        return False

    @abstractmethod
    def scores(self, probes: Sequence[Probe], ids: Sequence[str]) -> Sequence[Iterable[tuple[str, float]]]:
        """Score these images exactly for every probe, without those that its list does not know."""

    @abstractmethod
    def count(self, filter: Filter) -> int:
        """Count the images that pass."""

    @abstractmethod
    def copies(self, hashes: Sequence[str], filter: Filter) -> dict[str, int]:
        """Count the images that pass for each of these content hashes. There is at least one hash, and each once."""

    @abstractmethod
    def value_counts(self, field: Keyword, filter: Filter, limit: int) -> Iterable[tuple[str, int]]:
        """Count the values of a keyword field over what passes, at least the `limit` most frequent."""
