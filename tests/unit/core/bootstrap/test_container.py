"""The container makes each adapter once, and lets go of what it has opened."""

from pathlib import Path

import pytest

from core.bootstrap import Container, factories
from core.bootstrap.lazy import Lazy
from core.errors import LibraryMissing, PackageMissing
from core.ports.vector_index import IndexInfo
from core.settings import load_settings
from tests.support.fakes import ColourEncoder


@pytest.fixture()
def container(tmp_path: Path) -> Container:
    encoder = ColourEncoder()
    made = Container(load_settings(data=tmp_path / "data", index_wait=0), encoder=encoder)
    made.create_index(IndexInfo(encoder.name, encoder.fingerprint, encoder.dimension))
    return made


def test_a_lazy_value_is_made_once_and_anew_after_it_was_taken() -> None:
    numbers = iter(range(10))
    lazy = Lazy(lambda: [next(numbers)])
    assert not lazy.is_made and lazy.take() is None
    first = lazy.get()
    assert lazy.get() is first and lazy.is_made
    assert lazy.take() is first and not lazy.is_made
    assert lazy.get() == [1]


def test_an_index_is_opened_once_and_anew_after_it_was_let_go(container: Container) -> None:
    with container:
        index = container.index
        assert container.index is index
        container.let_go()
        assert container.index is not index and container.index.count() == 0


def test_an_encoder_that_is_given_is_used(container: Container) -> None:
    with container:
        encoder = container.encoder
        container.write()
        assert isinstance(encoder, ColourEncoder) and container.encoder is encoder


def test_an_encoder_of_another_library_is_forgotten(tmp_path: Path) -> None:
    encoder = ColourEncoder()
    with Container(load_settings(data=tmp_path, index_wait=0), encoder=encoder) as container:
        container.create_index(IndexInfo("other", "0" * 16, 3))
        assert not container._encoder.is_made


def test_a_library_that_is_not_there_is_looked_for_anew(tmp_path: Path) -> None:
    with Container(load_settings(data=tmp_path)) as container:
        for _ in range(2):
            with pytest.raises(LibraryMissing):
                _ = container.index


def test_closing_what_was_never_used_opens_nothing(tmp_path: Path) -> None:
    Container(load_settings(data=tmp_path / "data")).close()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("wanted", "installed"), [(False, True), (False, False), (True, True)])
def test_text_is_read_where_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, installed: bool
) -> None:
    monkeypatch.setattr(factories, "has_text_reader", lambda: installed)
    assert Container(load_settings(data=tmp_path, ocr=wanted)).reads_text is wanted
    assert not Container(load_settings(data=tmp_path)).reads_text


def test_a_reader_that_is_asked_for_and_not_installed_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factories, "has_text_reader", lambda: False)
    with pytest.raises(PackageMissing, match=r"rapidocr.*extra ocr"):
        _ = Container(load_settings(data=tmp_path, ocr=True)).reads_text
