"""Libraries as programs and notebooks use them."""

import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bucketlens import Library
from core.adapters.local.plots import MatplotlibPlots
from core.bootstrap import Container
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import Filter
from core.domain.query import Weights
from core.domain.result import Hit
from core.errors import ImageUnreadable, InvalidQuery, InvalidSetting, LibraryMissing, MirrorMissing
from core.settings import load_settings
from tests.support.made_up_images import record
from tests.support.small_library import HOSTILE, UMBRELLAS, SmallLibrary, build

COUNT = 17
UMBRELLA = "three red umbrellas at night"
FIRST = f"scene-{UMBRELLAS:03d}.jpg"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    return build(tmp_path_factory.mktemp("programs"), COUNT)


@pytest.fixture(scope="module")
def library(small: SmallLibrary) -> Iterator[Library]:
    with Library.open(small.data, device="cpu") as library:
        yield library


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data + "\n"


def test_a_search_is_a_sequence_of_hits(library: Library) -> None:
    found = library.search(UMBRELLA, limit=5)
    assert len(found) == 5 and len(library) == COUNT
    assert found[0].record.caption == UMBRELLA and found[0].strength is not None
    assert [hit.record.id for hit in found] == [hit.record.id for hit in found[:]] and isinstance(found[-1], Hit)
    assert found[0] in found and found.result.verdict == "strong"
    assert repr(found) == f"<5 of {COUNT} pictures, verdict strong>"


def test_all_that_can_be_asked(library: Library, small: SmallLibrary) -> None:
    def numbers(**asked: object) -> list[str]:
        return [hit.record.name for hit in library.search(**asked)]  # type: ignore[arg-type]

    path = small.pictures / FIRST
    open_already = Image.open(path)
    for given in (path, str(path), path.read_bytes(), open_already, [path]):
        assert numbers(image=given, limit=1) == [FIRST]
    assert numbers(like=small.id_of(UMBRELLAS), limit=1) == [FIRST]
    assert numbers(must=["umbrella", "night"], none_of="zebra") == [FIRST]
    assert numbers(must="three", any_of=["umbrellas", "zebra"], filter={"key": FIRST}) == [FIRST]
    assert numbers(must="umbrella", filter=Filter(all=(Match("words", ("night",)),))) == [FIRST]
    assert numbers(text=UMBRELLA, limit=1, weights=Weights(0, 0, 1)) == [FIRST]
    assert numbers(text="at night").index(FIRST) < numbers(text="at night", avoid="red umbrellas").index(FIRST)
    strong = library.search(UMBRELLA, min_strength=0.8)
    assert 0 < len(strong) < COUNT and all(hit.strength is not None and hit.strength >= 0.8 for hit in strong)
    assert numbers(limit=2, offset=1) == numbers(limit=3)[1:]
    assert numbers(sort="modified", reverse=True, limit=1) == ["scene-001.jpg"]


def test_pictures_of_every_mode_can_be_searched_by(library: Library, small: SmallLibrary) -> None:
    """As they are seen: a JPEG that says it lies on its side is turned."""
    picture = Image.open(small.pictures / FIRST)
    for mode in ("CMYK", "RGBA", "P"):
        assert library.search(image=picture.convert(mode), limit=1)[0].record.name == FIRST
    turned, exif = picture.transpose(Image.Transpose.ROTATE_90), Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    file = io.BytesIO()
    turned.save(file, "JPEG", quality=95, exif=exif)
    by_bytes, by_picture = (library.search(image=given, limit=1)[0] for given in (file.getvalue(), Image.open(file)))
    assert by_bytes.record.name == by_picture.record.name == FIRST
    assert by_bytes.score == pytest.approx(by_picture.score, abs=0.02)


def test_errors_are_typed(library: Library, small: SmallLibrary, tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing):
        Library.open(tmp_path)
    with pytest.raises(InvalidSetting):
        Library.open(small.data, device="abacus")
    with pytest.raises(ImageUnreadable, match="cannot be read"):
        library.search(image=tmp_path / "none.jpg")
    with pytest.raises(InvalidQuery):
        library.search("")
    with Library.open(small.data, decode_max_bytes=10) as strict, pytest.raises(ImageUnreadable, match="limit of 10"):
        strict.search(image=small.pictures / FIRST)


def test_offline_the_copy_is_read(small: SmallLibrary, tmp_path: Path) -> None:
    with pytest.raises(MirrorMissing), Library.open(tmp_path, offline=True) as nothing:
        len(nothing)
    with Container(load_settings(data=small.data)) as container:
        container.mirrors.build(container.index)
    shutil.copytree(small.data / "mirror", tmp_path / "mirror")
    with Library.open(tmp_path, offline=True) as library:
        assert len(library) == COUNT
        assert library.search(UMBRELLA)[0].record.name == FIRST


def test_a_notebook_shows_pictures_and_runs_nothing(library: Library, small: SmallLibrary) -> None:
    found = library.search("umbrellas", limit=COUNT)
    page = Page(found._repr_html_())
    shown = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(shown) == COUNT and {tag for tag, _ in page.tags} == {"div", "p", "img"}
    assert all(str(one["src"]).startswith("data:image/jpeg;base64,") for one in shown)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert UMBRELLA in page.said and FIRST in page.said and "strength 0." in page.said
    assert f"{COUNT} of {COUNT} pictures" in page.said
    assert any("demo" in notice and notice in page.said for notice in found.result.notices)
    hostile = small.captions[small.id_of(HOSTILE)]
    assert hostile is not None and hostile in page.said
    assert "\u202e" not in page.said and "<b>**x**" in page.said
    assert "no good match" in Page(library.search("zebra")._repr_html_()).said
    assert "Nothing found" in Page(library.search(must="zebra")._repr_html_()).said


def test_a_picture_without_a_thumbnail_has_an_empty_place(small: SmallLibrary, tmp_path: Path) -> None:
    with Library.open(build(tmp_path, 2).data) as library:
        found = library.search()
        library._container.thumbnails.delete([found[0].record.id])
        assert found.thumbnail(found[0]) is None
        assert found._repr_html_().count("<img") == 1
        assert found.figure() is not None


def test_a_figure_shows_every_picture(library: Library, small: SmallLibrary, tmp_path: Path) -> None:
    found = library.search("umbrellas", limit=4, filter={"key": "scene-01*"})
    found.figure(columns=2).savefig(tmp_path / "found.png")
    with Image.open(tmp_path / "found.png") as drawn:
        pixels = np.asarray(drawn.convert("RGB"))
    height, width = pixels.shape[:2]
    quarters = [pixels[y : y + height // 2, x : x + width // 2] for y in (0, height // 2) for x in (0, width // 2)]
    assert all(len(np.unique(quarter.reshape(-1, 3), axis=0)) > 500 for quarter in quarters)
    library.search(must="zebra").figure().savefig(tmp_path / "nothing.png")


def test_captions_are_no_formulas(tmp_path: Path) -> None:
    broken = r"what $\frac{a$ costs"
    MatplotlibPlots().pictures([(Hit(record(1, broken), None), None)], 1).savefig(tmp_path / "formula.png")
    assert (tmp_path / "formula.png").stat().st_size > 1000


def test_the_way_in_costs_nothing_until_it_is_taken() -> None:
    code = "import sys, core; print([name for name in sys.modules if name.startswith('core.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="nonsense"):
        __import__("core").nonsense  # noqa: B018


def test_matplotlib_that_is_missing_is_named() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from core.bootstrap import load_plots\n"
        "from core.errors import PackageMissing\n"
        "try:\n    load_plots()\nexcept PackageMissing as error:\n    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "matplotlib, which is not installed; install matplotlib, or BucketLens with its extra plots" in told
