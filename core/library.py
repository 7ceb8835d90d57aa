"""A library for programs and notebooks: `Library.open("./data").search("a red car")`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack, overload

from PIL import Image

from core.answering.question import check_question
from core.answering.service import PictureAnswer
from core.bootstrap import Container, load_plots
from core.domain.filtering.filters import EVERYTHING, INDEXED, Filter, caption_words
from core.domain.filtering.parser import parse_filter
from core.domain.ids import is_id
from core.domain.query import ImageTerm, LikeTerm, Query, QueryKeywords, QueryOptions, Term, TextTerm, Weights
from core.domain.result import Hit, SearchResult
from core.errors import InvalidQuery
from core.imaging.query_image import read_picture
from core.ports.vector_index import SearchableIndex
from core.rendering.html_grid import html_grid
from core.rendering.plots import Drawing
from core.search.request import build_query
from core.settings import load_settings

Picture = str | Path | bytes | Image.Image
Texts = str | Sequence[str]


class Found(Sequence[Hit]):
    """The hits of a search, best first. A notebook shows them as pictures."""

    def __init__(self, result: SearchResult, container: Container, filter: Filter = EVERYTHING) -> None:
        self.result = result
        self._container = container
        self._filter = filter

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
        return self._container.thumbnails.get(hit.record.id)

    def _repr_html_(self) -> str:
        return html_grid(self.result, self.thumbnail, self._filter)

    def figure(self, columns: int = 5) -> Drawing:
        """The pictures as a matplotlib Figure. Raises PackageMissing."""
        return load_plots().pictures([(hit, self.thumbnail(hit)) for hit in self], columns)


class Library:
    """Reads one library; its model is loaded by the first search that needs it. Close it, or use it in a `with`."""

    def __init__(self, container: Container) -> None:
        """Offline (a setting) the mirror is read. Raises LibraryMissing, LibraryBusy."""
        self._container = container
        self._index: SearchableIndex = container.searched

    @classmethod
    def open(cls, data: str | Path | None = None, **settings: Any) -> "Library":
        """The library in this folder; `settings` are those of bucketlens.toml, such as `device="cpu"`.

        Raises InvalidSetting, LibraryMissing, LibraryBusy.
        """
        return cls(Container(load_settings(data=data, **settings)))

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
        weights: Weights | Mapping[str, float] | None = None,
        raw: bool = False,
        **options: Unpack[QueryKeywords],
    ) -> Found:
        """Search by words, by pictures, or by both; without either, list the newest that pass the filters.

        Arguments:
            text: a question as query_language.parser reads it; its very words where it is `raw`.
            image: files, their bytes, or PIL images.
            like: ids of pictures of the library.
            avoid: words to keep away from.
            must, any_of, none_of: caption words, in any inflection.
            filter: a Filter, or what filter_parser's `parse_filter` reads.
            weights: of all rank lists, or by name of those that are not as set, such as {"image": 2}.
            options: the fields of QueryOptions, such as limit=50 or sort="taken".

        Raises what SearchService.search does.
        """
        max_bytes = self._container.settings.decode.max_bytes
        pictures = [image] if isinstance(image, str | Path | bytes | Image.Image) else image
        terms: list[Term] = [] if text is None else [TextTerm(text)]
        terms += [ImageTerm(read_picture(picture, max_bytes)) for picture in pictures]
        terms += [LikeTerm(image_id) for image_id in _several(like)]
        terms += [TextTerm(unwanted, -1.0) for unwanted in _several(avoid)]
        parsed = filter if isinstance(filter, Filter) else parse_filter(filter)
        if must or any_of or none_of:
            parsed = caption_words(_several(must), _several(any_of), _several(none_of)) & parsed
        query = build_query(
            terms,
            parsed,
            raw=raw,
            weights=weights,
            default_weights=self._container.settings.ranking.weights if isinstance(weights, Mapping) else None,
            options=QueryOptions(**options),
        )
        return self.ask(query)

    @overload
    def ask(self, picture: Query, question: None = None) -> Found:
        """Search for a query that is made already."""

    @overload
    def ask(self, picture: Picture | Hit, question: str) -> PictureAnswer:
        """Ask about one picture."""

    @overload
    def ask(self, picture: Iterable[Hit], question: str) -> list[PictureAnswer]:
        """Ask about each of these hits."""

    def ask(
        self, picture: Query | Picture | Hit | Iterable[Hit], question: str | None = None
    ) -> Found | PictureAnswer | list[PictureAnswer]:
        """Ask the model of the setting `answerer` a question about a picture, such as "what colour is the car?".

        A `picture` is a file, its bytes, a PIL image, a hit, or the id of a picture of the library. Of several hits,
        such as `library.search("a car", limit=10)`, the answers are a list in their order. One that cannot be read has
        a `problem` in place of a `text`.
        A Query without a question is searched, as by `search`.

        Raises AnswererMissing, ModelUnavailable, InvalidQuery, AnswerLate, ImageNotIndexed, ImageError.
        """
        if isinstance(picture, Query):
            if question is not None:
                raise InvalidQuery("picture", picture, "a picture or hits to ask about: search the query first")
            return Found(self._container.search.search(picture), self._container, picture.filter)
        asked = check_question(question or "")
        if isinstance(picture, Hit):
            return self._container.answers.ask_image(picture.record, asked)
        if isinstance(picture, str) and is_id(picture) and not Path(picture).exists():
            return self._container.answers.ask_image(self._container.search.image(picture.lower()), asked)
        if isinstance(picture, str | Path | bytes | Image.Image):
            data = read_picture(picture, self._container.settings.decode.max_bytes)
            return self._container.answers.ask_picture(data, asked)
        hits = list(picture) if isinstance(picture, Iterable) else [picture]
        if not all(isinstance(hit, Hit) for hit in hits):
            takes = "a file, its bytes, a PIL image, the id of a picture of the library, a hit, or several hits"
            raise InvalidQuery("picture", picture, takes)
        return list(self._container.answers.ask_images([hit.record for hit in hits], asked))

    def __len__(self) -> int:
        """How many pictures can be found."""
        return self._index.count(INDEXED)

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _several(given: Texts) -> Sequence[str]:
    return [given] if isinstance(given, str) else given
