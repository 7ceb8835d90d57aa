"""The container makes each adapter once, and lets go of what it has opened."""

from pathlib import Path

import pytest

from core.bootstrap import Wiring
from core.bootstrap.lazy import Lazy
from core.errors import LibraryMissing
from core.ports.vector_index import IndexInfo
from core.settings import load_settings
from tests.support.fakes import ColourEncoder


@pytest.fixture()
def wiring(tmp_path: Path) -> Wiring:
    encoder = ColourEncoder()
    made = Wiring(load_settings(data=tmp_path / "data", index_wait=0), encoder=encoder)
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


def test_an_index_is_opened_once_and_anew_after_it_was_let_go(wiring: Wiring) -> None:
    with wiring:
        index = wiring.index
        assert wiring.index is index
        wiring.let_go()
        assert wiring.index is not index and wiring.index.count() == 0


def test_an_encoder_that_is_given_is_used(wiring: Wiring) -> None:
    with wiring:
        encoder = wiring.encoder
        wiring.write()
        assert isinstance(encoder, ColourEncoder) and wiring.encoder is encoder


def test_an_encoder_of_another_library_is_forgotten(tmp_path: Path) -> None:
    encoder = ColourEncoder()
    with Wiring(load_settings(data=tmp_path, index_wait=0), encoder=encoder) as wiring:
        wiring.create_index(IndexInfo("other", "0" * 16, 3))
        assert not wiring._encoder.is_made


def test_a_library_that_is_not_there_is_looked_for_anew(tmp_path: Path) -> None:
    with Wiring(load_settings(data=tmp_path)) as wiring:
        for _ in range(2):
            with pytest.raises(LibraryMissing):
                _ = wiring.index


def test_closing_what_was_never_used_opens_nothing(tmp_path: Path) -> None:
    Wiring(load_settings(data=tmp_path / "data")).close()
    assert not (tmp_path / "data").exists()
