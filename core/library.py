"""A library for programs and notebooks: `Library.open("./data").search("a red car")`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from PIL import Image

from core.bootstrap import Wiring, load_plots
from core.domain.filter_parser import filter_of
from core.domain.filters import EVERYTHING, INDEXED, Filter, caption_words
from core.domain.query import ImageTerm, LikeTerm, Query, Sort, Term, TextTerm, Weights, weighed
from core.domain.result import Hit, SearchResult
from core.imaging.query_image import picture_bytes
from core.ports.vector_index import SearchableIndex
from core.query_language.parser import compile_terms
from core.rendering.html_grid import html_grid
from core.rendering.plots import Drawing
from core.settings import load_settings

Picture = str | Path | bytes | Image.Image
Texts = str | Sequence[str]


class Found(Sequence[Hit]):
    """The hits of a search, best first. A notebook shows them as pictures."""

    def __init__(self, result: SearchResult, wiring: Wiring) -> None:
        self.result = result
        self._wiring = wiring

    def __len__(self) -> int:
        return len(self.result.hits)

    @overload
    def __getitem__(self, at: int) -> Hit: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Hit, ...]: ...

    def __getitem__(self, at: int | slice) -> Hit | tuple[Hit, ...]:
        return self.result.hits[at]

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.result.hits)

    def __repr__(self) -> str:
        return f"<{len(self)} of {self.result.total:,} pictures, verdict {self.result.verdict}>"

    def thumbnail(self, hit: Hit) -> bytes | None:
        """A JPEG, or None where there is none."""
        return self._wiring.thumbnails.get(hit.record.id)

    def _repr_html_(self) -> str:
        return html_grid(self.result, self.thumbnail)

    def figure(self, columns: int = 5) -> Drawing:
        """The pictures as a matplotlib Figure. Raises PackageMissing."""
        return load_plots().pictures([(hit, self.thumbnail(hit)) for hit in self], columns)


class Library:
    """Reads one library; its model is loaded by the first search that needs it. Close it, or use it in a `with`."""

    def __init__(self, wiring: Wiring) -> None:
        """Offline (a setting) the library's copy is read. Raises LibraryMissing, LibraryBusy."""
        self._wiring = wiring
        self._index: SearchableIndex = wiring.searched

    @classmethod
    def open(cls, data: str | Path | None = None, **settings: Any) -> "Library":
        """The library in this folder; `settings` are keywords of load_settings, such as `device="cpu"`.

        Raises InvalidSetting, LibraryMissing, LibraryBusy.
        """
        return cls(Wiring(load_settings(data=data, **settings)))

    def search(
        self,
        text: str | None = None,
        *,
        image: Picture | Sequence[Picture] = (),
        like: Texts = (),
        avoid: Texts = (),
        must: Texts = (),
        any_of: Texts = (),
        none_of: Texts = (),
        filter: Filter | Mapping[str, Any] = EVERYTHING,
        limit: int = 20,
        offset: int = 0,
        min_strength: float = 0.0,
        weights: Weights | Mapping[str, float] | None = None,
        sort: Sort | None = None,
        reverse: bool = False,
        fold: bool = True,
        diversity: float = 0.0,
        exact: bool = False,
        raw: bool = False,
    ) -> Found:
        """Pictures by words, by pictures, or both; without either the newest that pass the filters.

        `text` is a question as query_language.parser reads it, unless it is `raw`: then its very words are searched.
        `image`: files, their bytes, or PIL images; `like`: ids of pictures of the library; `avoid`: what to keep away
        from. `must`, `any_of`, `none_of`: caption words, in any inflection; `filter`: a Filter, or what filter_parser's
        `filter_of` takes. `weights`: of all lists, or by name those that are not as set, such as {"image": 2}. The
        others are those of a Query. Raises what SearchService.search does.
        """
        settings = self._wiring.settings
        pictures = [image] if isinstance(image, str | Path | bytes | Image.Image) else image
        terms: list[Term] = [] if text is None else [TextTerm(text)]
        terms += [ImageTerm(picture_bytes(picture, settings.decode.max_bytes)) for picture in pictures]
        terms += [LikeTerm(image_id) for image_id in _several(like)]
        terms += [TextTerm(unwanted, -1.0) for unwanted in _several(avoid)]
        passing = filter if isinstance(filter, Filter) else filter_of(filter)
        passing = caption_words(_several(must), _several(any_of), _several(none_of)) & passing
        return self.ask(
            Query(
                **compile_terms(terms, passing, raw=raw),
                limit=limit,
                offset=offset,
                weights=weighed(weights, settings.ranking.weights) if isinstance(weights, Mapping) else weights,
                sort=sort,
                reverse=reverse,
                min_strength=min_strength,
                fold=fold,
                diversity=diversity,
                exact=exact,
            )
        )

    def ask(self, query: Query) -> Found:
        """As `search`, for a query that is made already."""
        return Found(self._wiring.search.search(query), self._wiring)

    def __len__(self) -> int:
        """How many pictures can be found."""
        return self._index.count(INDEXED)

    def close(self) -> None:
        self._wiring.close()

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _several(given: Texts) -> Sequence[str]:
    return [given] if isinstance(given, str) else given
